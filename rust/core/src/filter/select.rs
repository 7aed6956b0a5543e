//! Which frames a pass is about: the filter of a plan at work, and the rows it gives of the frames that pass.

use super::extract::{self, Around};
use super::field::{FieldId, Mark};
use super::frame::Clock;
use super::program::Frame;
use super::registry::Group;
use super::sink::{Buffer, Occurrence, Sink};
use super::stream_search::{Piece, StreamMatch, StreamQuery, StreamSearch};
use super::value::Value;
use super::{Filter, registry, show};
use crate::app::{AppPlan, Apps, Place, Source};
use crate::batch::PacketHeader;
use crate::container::pseudo_header_len;
use crate::dissect::Dissector;
use crate::flow::{UdpStreams, Verdict};
use crate::layers::{Layers, Span};
use crate::limits::Limits;
use crate::record::{Record, RecordKind, Timestamp};
use std::sync::Arc;

/// The frames a pass is about. Without [`rows`](Self::rows), everything that the pass counts is counted of these frames
/// only; connection numbers, TCP analysis and reassembly follow all frames in any case.
#[derive(Clone, Debug, Default)]
pub struct Select {
    pub filter: Option<Arc<Filter>>,
    /// Frame numbers, as ranges with both ends in; None: any.
    pub frames: Option<Vec<(u64, u64)>>,
    /// Gives a [`Row`] of each frame that passes.
    pub rows: Option<Rows>,
    /// Searches TCP streams: a row is a match then, of the frame that completes it. The filter does not count.
    pub search: Option<Arc<StreamQuery>>,
}

/// What rows hold.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Fields whose values are in the rows.
    pub columns: Vec<FieldId>,
    /// The frame's header values, for a line of a packet list.
    pub summaries: bool,
    /// The frame's captured bytes.
    pub bytes: bool,
    /// Rows of the first frames that pass are left out.
    pub skip: u64,
    /// The pass ends with that many frames that passed, the skipped ones included.
    pub max_matches: Option<u64>,
}

/// A frame that passed.
#[derive(Clone, Debug)]
pub struct Row {
    /// From 1, as tshark numbers frames.
    pub number: u64,
    /// Of a packet; false: of something else that tshark numbers as a frame.
    pub is_packet: bool,
    pub time: Timestamp,
    pub has_time: bool,
    /// Offset of its record in the decompressed stream, bytes.
    pub offset: u64,
    pub captured_bytes: u32,
    pub wire_bytes: u32,
    pub link: u16,
    pub interface: Option<u32>,
    /// Values of the columns, in the order they stand in the frame.
    pub cells: Vec<Cell>,
    pub summary: Option<Box<PacketHeader>>,
    pub bytes: Option<Box<[u8]>>,
    /// What the capture program made up in front of them, with `bytes`; mostly nothing.
    pub front: Box<[u8]>,
    pub found: Option<Box<StreamMatch>>,
}

/// One value of a column.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Index in [`Rows::columns`].
    pub column: u32,
    pub field: FieldId,
    pub value: CellValue,
    /// How many layers of its protocol the frame has up to this one; 0: belongs to none.
    pub layer: u8,
    /// Where it stands: which bytes, from where, how many. A length of 0: computed.
    pub buffer: Buffer,
    pub start: u32,
    pub len: u32,
}

/// A value that owns its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct CellValue(Value<'static>);

/// A value by type.
#[derive(Clone, Debug, PartialEq)]
pub enum Plain<'a> {
    None,
    Uint(u64),
    Int(i64),
    Float(f64),
    /// Seconds and nanoseconds, both of the sign of the whole.
    Time(i64, i32),
    /// Text, bytes, addresses: what the field's type says.
    Bytes(&'a [u8]),
    Address(crate::addr::IpAddr),
}

impl CellValue {
    /// The value as it is.
    pub fn plain(&self) -> Plain<'_> {
        match &self.0 {
            Value::None => Plain::None,
            Value::Uint(v) => Plain::Uint(*v),
            Value::Int(v) => Plain::Int(*v),
            Value::Float(v) => Plain::Float(*v),
            Value::Time(s, n) => Plain::Time(*s, *n),
            Value::Ip4(a, _) => Plain::Address(crate::addr::IpAddr::v4(a.to_be_bytes())),
            Value::Ip6(a, _) => Plain::Address(crate::addr::IpAddr::v6(*a)),
            Value::Bytes(b) | Value::Text(b) => Plain::Bytes(b),
        }
    }

    /// The value as `tshark -T fields` prints it; absolute times as seconds since 1970. Texts are as they are in the
    /// capture, with what is no UTF-8 replaced.
    pub fn text(&self, field: FieldId) -> String {
        show::column(&self.0, registry::field(field))
    }
}

/// A [`Select`] at work in a pass.
pub(crate) struct Selector {
    filter: Option<Arc<Filter>>,
    frames: Option<Vec<(u64, u64)>>,
    rows: Option<Rows>,
    /// Column of a field number.
    columns: Vec<Option<u32>>,
    /// The sink, while no application protocol has it.
    sink: Option<Box<Sink>>,
    /// Application protocols whose fields are wanted.
    apps: Option<Apps>,
    clock: Clock,
    /// Some field is wanted at all.
    extracts: bool,
    /// Some field comes from the analysis of TCP, or from messages in its streams.
    follows_tcp: bool,
    /// Some field comes from the details of that analysis.
    details_tcp: bool,
    search: Option<StreamSearch>,
    /// Numbers of UDP streams, where some field needs them.
    udp: Option<UdpStreams>,
    pub matched: u64,
    pub out: Vec<Row>,
}

impl Selector {
    /// None where the plan selects nothing.
    pub fn new(select: &Select, app_ports: &[(String, u16)], limits: &Limits) -> Option<Self> {
        if select.filter.is_none() && select.frames.is_none() && select.rows.is_none() && select.search.is_none() {
            return None;
        }
        let mut fields: Vec<FieldId> = select.filter.iter().flat_map(|f| f.fields().iter().copied()).collect();
        let mut columns = vec![None; registry::len()];
        for (i, id) in select.rows.iter().flat_map(|r| &r.columns).enumerate() {
            if let Some(slot) = columns.get_mut(id.0 as usize) {
                slot.get_or_insert(i as u32);
                fields.push(*id);
            }
        }
        let stateful = |group: Group| {
            let of = |id: &&FieldId| registry::table_of(**id) == Some(group as usize);
            fields.iter().filter(of).any(|id| registry::field(*id).mark == Mark::Stateful)
        };
        let mut names: Vec<String> = fields.iter().flat_map(|id| registry::apps_of(*id)).map(str::to_owned).collect();
        // Where media go is told by the protocols that set up calls.
        if fields.contains(&super::frame::PROTOCOLS) || names.iter().any(|n| n == "rtp") {
            names = crate::app::names().into_iter().map(str::to_owned).collect();
        }
        // What goes through the tunnel of a proxy is shown as HTTP where TLS is.
        if names.iter().any(|n| n == "http") {
            names.push("tls".to_owned());
        }
        let udp = stateful(Group::Udp).then(|| UdpStreams::new(limits.max_udp_streams));
        if udp.is_some() {
            names.extend(crate::app::SIGNALLING.map(str::to_owned));
        }
        names.sort();
        names.dedup();
        // What these decoders count is never asked for: they keep no messages.
        let own = Limits { max_kept_messages: 0, ..limits.clone() };
        let apps = Apps::new(&AppPlan { names, ports: app_ports.to_vec() }, &own);
        if let Some(apps) = apps.as_ref().filter(|_| udp.is_some()) {
            apps.media.follow();
        }
        Some(Self {
            search: select.search.clone().map(|query| StreamSearch::new(query, limits)),
            details_tcp: fields.iter().any(|id| crate::transport::tcp_fields::DETAILS.contains(id)),
            follows_tcp: apps.is_some() || select.search.is_some() || stateful(Group::Tcp),
            udp,
            filter: select.filter.clone(),
            frames: select.frames.clone(),
            rows: select.rows.clone(),
            columns,
            extracts: !fields.is_empty(),
            sink: Some(Box::new(Sink::new(fields))),
            apps,
            clock: Clock::default(),
            matched: 0,
            out: Vec::new(),
        })
    }

    /// Whether connections have to be followed for it.
    pub fn follows_tcp(&self) -> bool {
        self.follows_tcp
    }

    /// Whether what the analysis says of single segments has to be followed for it, too.
    pub fn details_tcp(&self) -> bool {
        self.details_tcp
    }

    /// Datagrams whose UDP stream got no number, because there were too many.
    pub fn unnumbered(&self) -> u64 {
        self.udp.as_ref().map_or(0, |udp| udp.unnumbered)
    }

    /// The application protocols that add to the path of frames here.
    pub fn apps(&self) -> Option<&Apps> {
        self.apps.as_ref()
    }

    /// A key log with session secrets.
    pub fn secrets(&mut self, log: &[u8], source: Source) {
        self.apps.iter_mut().for_each(|apps| apps.secrets(log, source));
    }

    /// Rows have the bytes of frames.
    pub fn gives_bytes(&self) -> bool {
        self.rows.as_ref().is_some_and(|rows| rows.bytes)
    }

    /// As many frames have passed as were asked for.
    pub fn done(&self) -> bool {
        self.rows.as_ref().and_then(|r| r.max_matches).is_some_and(|max| self.matched >= max)
            || self.frames.as_ref().is_some_and(|f| f.is_empty())
    }

    /// No frame behind this number can pass.
    pub fn over(&self, number: u64) -> bool {
        self.frames.as_ref().is_some_and(|f| f.iter().all(|range| range.1 <= number))
    }

    /// Judges a frame: true when it passes. What its application messages are is added to its path.
    pub fn judge(
        &mut self,
        record: &Record<'_>,
        number: u64,
        layers: &mut Layers,
        dissector: &Dissector,
        verdict: Option<&Verdict>,
        quoted: Option<u32>,
    ) -> bool {
        let mut sink = self.sink.take().unwrap_or_else(|| Box::new(Sink::new([])));
        sink.clear();
        // Before the application protocols: what they announce holds for the frames behind this one.
        if let Some(udp) = self.udp.as_mut().filter(|_| record.kind == RecordKind::Packet) {
            udp.frame(record, layers, dissector);
        }
        if let Some(apps) = &mut self.apps {
            apps.out.sink = Some(sink);
            apps.frame(record, number, layers, dissector, verdict.copied().map(Place::of), quoted);
            apps.out.messages.clear();
            if let Some(udp) = &mut self.udp {
                apps.media.places().iter().for_each(|p| udp.expect(p.addr, p.port, p.other_port, p.frame));
            }
            sink = apps.out.sink.take().unwrap_or_else(|| Box::new(Sink::new([])));
        }
        let numbered = self.frames.as_ref().is_none_or(|f| f.iter().any(|r| (r.0..=r.1).contains(&number)));
        let packet = record.kind == RecordKind::Packet;
        if numbered && self.extracts {
            let tcp = layers.tcp.as_ref().map(|t| t.header);
            let around = Around {
                record,
                pseudo: pseudo_header_len(record.link, record.data),
                number,
                clock: &self.clock,
                path: if packet { &layers.path } else { &[] },
                headers: if packet { dissector.headers() } else { &[] },
                tcp_at: tcp,
                verdict: tcp.zip(verdict),
                quoted,
                datagrams: self.udp.as_ref().filter(|_| packet).map_or(&[], UdpStreams::of_frame),
                segment_len_known: layers.tcp.as_ref().is_some_and(|t| t.len.is_some()),
                whole: dissector.whole(),
            };
            extract::extract(&around, &mut sink);
        }
        if let Some(mut search) = self.search.take() {
            if let Some(verdict) = verdict.filter(|_| numbered) {
                self.search(&mut search, record, number, layers, dissector, verdict, &sink);
            }
            self.search = Some(search);
            self.sink = Some(sink);
            return false;
        }
        let filter = self.filter.as_deref();
        let passed = numbered && filter.is_none_or(|f| f.matches(&sink, record.data, dissector.whole()));
        if passed {
            self.matched += 1;
            if let Some(rows) = &self.rows
                && self.matched > rows.skip
            {
                let row = self.row(rows, record, number, layers, verdict, &sink, dissector.whole());
                self.out.push(row);
            }
        }
        self.clock.after(record, passed);
        self.sink = Some(sink);
        passed
    }

    /// Connections whose search began anew, for want of room.
    pub fn let_go(&self) -> u64 {
        self.search.as_ref().map_or(0, |search| search.let_go)
    }

    /// The input has ended.
    pub fn finish(&mut self) {
        if let Some(mut search) = self.search.take() {
            search.finish();
            self.hits(&mut search, |row| row);
            self.search = Some(search);
        }
    }

    #[allow(clippy::too_many_arguments)] // everything that is known of the frame
    fn search(
        &mut self,
        search: &mut StreamSearch,
        record: &Record<'_>,
        number: u64,
        layers: &Layers,
        dissector: &Dissector,
        verdict: &Verdict,
        sink: &Sink,
    ) {
        let Some(tcp) = layers.tcp.as_ref() else { return };
        let Some(net) = tcp.net.and_then(|at| layers.nets.get(at as usize)) else { return };
        let piece = Piece {
            stream: verdict.stream,
            end: usize::from((net.src, tcp.src_port) > (net.dst, tcp.dst_port)),
            to_client: verdict.to_client,
            new: verdict.new,
            frame: number,
            seq: tcp.seq,
            ack: tcp.ack,
            flags: tcp.flags,
            data: dissector.bytes(record, tcp.payload),
            wire: tcp.len.unwrap_or(0),
        };
        let rows = self.rows.clone().unwrap_or_default();
        let mut row = || self.row(&rows, record, number, layers, Some(verdict), sink, dissector.whole());
        search.segment(&piece, &mut row);
        if !search.hits.is_empty() {
            let row = row();
            self.hits(search, |held| held.or_else(|| Some(Box::new(row.clone()))));
        }
    }

    /// Makes rows of what the search found, as many as were asked for.
    fn hits(&mut self, search: &mut StreamSearch, row: impl Fn(Option<Box<Row>>) -> Option<Box<Row>>) {
        for (held, found) in search.hits.drain(..) {
            if self.done() {
                break;
            }
            self.matched += 1;
            if self.rows.as_ref().is_some_and(|rows| self.matched > rows.skip)
                && let Some(row) = row(held)
            {
                self.out.push(Row { found: Some(Box::new(found)), ..*row });
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // everything that is known of the frame
    fn row(
        &self,
        rows: &Rows,
        record: &Record<'_>,
        number: u64,
        layers: &Layers,
        verdict: Option<&Verdict>,
        sink: &Sink,
        whole: &[u8],
    ) -> Row {
        let frame = Frame { sink, data: record.data, whole };
        let pseudo = pseudo_header_len(record.link, record.data);
        let data = record.data.get(pseudo as usize..).unwrap_or_default();
        let own = Record { data, wire_len: record.wire_len.saturating_sub(pseudo), ..*record };
        let cell = |o: &Occurrence| {
            let column = self.columns.get(o.field.0 as usize).copied().flatten()?;
            let start = if o.buffer == Buffer::Frame { o.start.saturating_sub(pseudo) } else { o.start };
            let value = match (registry::field(o.field).hide, frame.shown(o)) {
                (Some(hide), Value::Bytes(b) | Value::Text(b)) => Value::Bytes(hide(&b).into()),
                (_, value) => value,
            };
            let value = CellValue(value);
            Some(Cell { column, field: o.field, value, layer: o.layer, buffer: o.buffer, start, len: o.len })
        };
        Row {
            number,
            is_packet: record.kind == RecordKind::Packet,
            time: record.time,
            has_time: record.has_time,
            offset: record.offset,
            captured_bytes: own.data.len() as u32,
            wire_bytes: own.wire_len,
            link: record.link.0,
            interface: record.interface,
            cells: sink.found.iter().filter_map(cell).collect(),
            summary: rows
                .summaries
                .then(|| Box::new(PacketHeader::new(&own, number, layers, verdict.map(|v| (v.stream, v.events))))),
            bytes: rows.bytes.then(|| own.data.into()),
            front: match rows.bytes {
                true => record.data.get(..pseudo as usize).unwrap_or_default().into(),
                false => Box::default(),
            },
            found: None,
        }
    }
}

/// The span of a whole frame behind its pseudo header.
pub(crate) fn whole_frame(record: &Record<'_>, pseudo: u32) -> Span {
    let len = (record.data.len() as u32).saturating_sub(pseudo);
    Span { start: pseudo, len, reassembled: false }
}
