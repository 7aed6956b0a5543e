//! Display filters over a capture: `filter FILE < FILTERS`, one filter a line; prints for each its number, `N` and the
//! frame numbers, or `E` and why it is refused. `filter FILE -T FIELD...`: the values of fields, frame by frame.

use pcapstream_core::engine::{Decoder, Plan};
use pcapstream_core::filter::{self, Filter, Rows, Select};
use pcapstream_core::limits::Limits;
use std::io::{BufRead, Write};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: filter FILE [-T FIELD...]")?;
    let data = std::fs::read(path)?;
    let rest: Vec<String> = args.collect();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if let Some(("-T", fields)) = rest.split_first().map(|(a, b)| (a.as_str(), b)) {
        let columns = fields.iter().map(|f| filter::column(f)).collect::<Result<Vec<_>, _>>()?;
        let rows = Rows { columns: columns.clone(), ..Rows::default() };
        for row in pass(&data, Select { rows: Some(rows), ..Select::default() })? {
            let mut texts = vec![String::new(); columns.len()];
            for cell in &row.cells {
                let text = &mut texts[cell.column as usize];
                if !text.is_empty() {
                    text.push(',');
                }
                text.push_str(&cell.value.text(columns[cell.column as usize]));
            }
            writeln!(out, "{}\t{}", row.number, texts.join("\t"))?;
        }
        return Ok(());
    }
    for (i, line) in std::io::stdin().lock().lines().enumerate() {
        match Filter::compile(&line?) {
            Err(e) => writeln!(out, "{}\tE\t{} {e}", i + 1, e.code.name())?,
            Ok(f) => {
                let select = Select { filter: Some(Arc::new(f)), rows: Some(Rows::default()), ..Select::default() };
                let numbers: Vec<String> = pass(&data, select)?.iter().map(|r| r.number.to_string()).collect();
                writeln!(out, "{}\tN\t{}", i + 1, numbers.join(" "))?;
            }
        }
    }
    Ok(())
}

fn pass(data: &[u8], select: Select) -> Result<Vec<filter::Row>, Box<dyn std::error::Error>> {
    let plan = Plan { tally: false, select, ..Plan::default() };
    let mut decoder = Decoder::new(plan, &Limits::default());
    let mut rows = decoder.feed(data).map_err(|e| e.message)?.rows;
    rows.extend(decoder.finish().map_err(|e| e.message)?.rows);
    Ok(rows)
}
