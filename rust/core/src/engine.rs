//! One pass over one capture: bytes in, batches and snapshots out.

use crate::app::{AppPlan, Apps, Messages, Place, Reports, Source, quoted_ends};
use crate::batch::{Batch, PacketHeader};
use crate::container::{FileFacts, FormatError, Reader, pseudo_header_len};
use crate::decompress::Decompressor;
use crate::dissect::Dissector;
use crate::filter::Select;
use crate::filter::select::Selector;
use crate::flow::{ConnectionTable, Segment, TcpTracker, Verdict};
use crate::layers::Layers;
use crate::limits::Limits;
use crate::record::{LinkType, Record, RecordKind, RecordSink, Timestamp};
use crate::tally::Tally;
use std::ops::ControlFlow;

/// What a pass computes. Capture facts are always counted.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Connection table and TCP analysis.
    pub tcp: bool,
    /// Hierarchy, conversations, buckets, names.
    pub tally: bool,
    /// Header values of every packet in the batches.
    pub packets: bool,
    /// Ended connections in the batches (with `tcp`).
    pub connections: bool,
    /// Stop after this many packets.
    pub max_packets: Option<u64>,
    /// Look for further records behind damage.
    pub resync: bool,
    /// Application protocols to decode (they need `tcp` for messages in TCP streams).
    pub apps: AppPlan,
    /// Frames that the pass is about; by default all.
    pub select: Select,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            tcp: true,
            tally: true,
            packets: false,
            connections: false,
            max_packets: None,
            resync: true,
            apps: AppPlan::default(),
            select: Select::default(),
        }
    }
}

/// Counts that hold for every capture, whatever the plan.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Frames as tshark numbers them (custom blocks included).
    pub frames: u64,
    pub packets: u64,
    /// Packets behind the first damage, contained in `packets`.
    pub recovered: u64,
    pub captured_bytes: u64,
    pub wire_bytes: u64,
    pub truncated: u64,
    /// First and last packet in file order.
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    pub earliest: Option<Timestamp>,
    pub latest: Option<Timestamp>,
    /// Packets earlier than the one before them.
    pub backwards: u64,
    /// Packets by link type, in order of appearance.
    pub links: Vec<(LinkType, u64)>,
    /// Packets by interface number.
    pub interfaces: Vec<u64>,
}

impl Counts {
    fn add(&mut self, r: &Record<'_>, max_interfaces: usize) {
        self.packets += 1;
        self.recovered += r.recovered as u64;
        self.captured_bytes += r.data.len() as u64;
        self.wire_bytes += r.wire_len as u64;
        self.truncated += (r.data.len() < r.wire_len as usize) as u64;
        match self.links.iter_mut().find(|l| l.0 == r.link) {
            Some(l) => l.1 += 1,
            None => self.links.push((r.link, 1)),
        }
        if let Some(i) = r.interface.map(|i| i as usize).filter(|&i| i < max_interfaces) {
            if self.interfaces.len() <= i {
                self.interfaces.resize(i + 1, 0);
            }
            self.interfaces[i] += 1;
        }
        if r.has_time {
            let t = r.time;
            self.backwards += self.last.is_some_and(|l| t < l) as u64;
            self.first.get_or_insert(t);
            self.last = Some(t);
            if self.earliest.is_none_or(|e| t < e) {
                self.earliest = Some(t);
            }
            if self.latest.is_none_or(|l| t > l) {
                self.latest = Some(t);
            }
        }
    }
}

/// Everything known at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub file: FileFacts,
    pub compression: Option<&'static str>,
    pub counts: Counts,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// `finish` was called: the end of the input was reached.
    pub finished: bool,
    pub stopped_by_max_packets: bool,
    /// Frames that passed the filter; None: there was none.
    pub matched: Option<u64>,
    /// The pass ended because as many frames had passed as were asked for.
    pub stopped_by_matches: bool,
    /// Datagrams whose UDP stream got no number, because there were more than `max_udp_streams`.
    pub unnumbered_datagrams: u64,
    /// Connections whose search began anew, for want of room.
    pub searches_let_go: u64,
    pub tcp: Option<ConnectionTable>,
    pub tally: Option<Tally>,
    /// What application protocols counted in the core.
    pub reports: Reports,
    /// Messages kept for detail rows, by protocol family.
    pub kept: Messages,
}

/// One pass. Feed it the file in any pieces, in order.
pub struct Decoder {
    decompressor: Decompressor,
    reader: Reader,
    pass: Pass,
    finished: bool,
    /// Interfaces of the file that batches have told of.
    interfaces_told: usize,
}

/// The part behind the container reader.
struct Pass {
    plan: Plan,
    max_interfaces: usize,
    dissector: Dissector,
    layers: Layers,
    tracker: Option<TcpTracker>,
    /// With a filter: the connections as far as its frames count; `tracker` follows all of them.
    counted: Option<TcpTracker>,
    tally: Option<Tally>,
    apps: Option<Apps>,
    selector: Option<Selector>,
    counts: Counts,
    batch: Batch,
    /// Frames already reported in batches.
    reported: u64,
    done: bool,
    /// Done because of the selection.
    enough: bool,
}

impl RecordSink for Pass {
    #[cold]
    fn tls_secrets(&mut self, log: &[u8]) {
        self.secrets(log, Source::Capture);
    }

    #[inline]
    fn record(&mut self, record: &Record<'_>) -> ControlFlow<()> {
        if self.done {
            return ControlFlow::Break(());
        }
        self.counts.frames += 1;
        if record.kind == RecordKind::Packet {
            self.counts.add(&without_pseudo_header(record), self.max_interfaces);
        }
        if self.tracker.is_some()
            || self.tally.is_some()
            || self.apps.is_some()
            || self.plan.packets
            || self.selector.is_some()
        {
            self.analyse(record);
        }
        if self.plan.max_packets.is_some_and(|max| self.counts.packets >= max) {
            self.done = true;
            return ControlFlow::Break(());
        }
        if let Some(selector) = &self.selector
            && (selector.done() || selector.over(self.counts.frames))
        {
            self.done = true;
            self.enough = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// The record with the lengths Wireshark counts: what a capture program made up in front of the packet is none of it.
#[inline]
fn without_pseudo_header<'a>(record: &Record<'a>) -> Record<'a> {
    let len = pseudo_header_len(record.link, record.data);
    let data = record.data.get(len as usize..).unwrap_or_default();
    Record { data, wire_len: record.wire_len.saturating_sub(len), ..*record }
}

impl Pass {
    fn secrets(&mut self, log: &[u8], source: Source) {
        self.apps.iter_mut().for_each(|apps| apps.secrets(log, source));
        self.selector.iter_mut().for_each(|selector| selector.secrets(log, source));
    }

    fn analyse(&mut self, record: &Record<'_>) {
        let number = self.counts.frames;
        if record.kind == RecordKind::Packet {
            self.dissector.dissect(record, number, &mut self.layers);
        } else {
            self.layers.clear();
        }
        let (verdict, quoted) = self.track(record, number);
        let mut counted = true;
        if let Some(selector) = &mut self.selector {
            counted = selector.judge(record, number, &mut self.layers, &self.dissector, verdict.as_ref(), quoted);
        }
        if let Some(apps) = &mut self.apps {
            let stream = verdict.map(Place::of);
            apps.counted(counted);
            apps.frame(record, number, &mut self.layers, &self.dissector, stream, quoted);
        }
        if !counted {
            return;
        }
        if let (Some(table), Some(verdict)) = (&mut self.counted, &verdict)
            && let Some(segment) = segment(record, number, &self.layers, &self.dissector)
        {
            table.counted(&segment, verdict);
        }
        let verdict = verdict.map(|v| (v.stream, v.events));
        if let Some(tally) = &mut self.tally {
            tally
                .frame(&without_pseudo_header(record), number, &self.layers, |span| self.dissector.bytes(record, span));
        }
        if self.plan.packets {
            self.batch.packets.push(PacketHeader::new(&without_pseudo_header(record), number, &self.layers, verdict));
        }
    }

    /// What the analysis says of the frame's TCP segment, and the stream that an ICMP error in it quotes.
    #[inline]
    fn track(&mut self, record: &Record<'_>, number: u64) -> (Option<Verdict>, Option<u32>) {
        let Some(tracker) = &mut self.tracker else { return (None, None) };
        tracker.at(record.time.as_nanos());
        let mut quoted = None;
        for &(is_tcp, src_port, dst_port, net) in &self.layers.quoted {
            if is_tcp && let Some(net) = self.layers.nets.get(net as usize) {
                let stream = tracker.quoted(number, net.src, net.dst, src_port, dst_port);
                quoted = quoted.or(Some(stream));
            }
        }
        if quoted.is_none() && self.layers.nets.last().is_some_and(|net| net.quoted && net.protocol == 6) {
            quoted = self.quoted_in_part(record);
        }
        (self.segment(record, number), quoted)
    }

    /// The stream of a TCP header of which an ICMP error quotes no more than the ports, as RFC 792 asks for. Wireshark
    /// gives such a header no number: only a stream that is there is named.
    #[cold]
    fn quoted_in_part(&mut self, record: &Record<'_>) -> Option<u32> {
        let message = self.dissector.bytes(record, self.layers.icmp.as_ref()?.message);
        let (src, dst, ports) = quoted_ends(message)?;
        self.tracker.as_mut()?.known(src, dst, ports.0, ports.1)
    }

    #[inline]
    fn segment(&mut self, record: &Record<'_>, number: u64) -> Option<Verdict> {
        let segment = segment(record, number, &self.layers, &self.dissector)?;
        let verdict = self.tracker.as_mut()?.segment(&segment);
        (verdict.stream != Verdict::NO_STREAM).then_some(verdict)
    }

    /// The connections, as far as they count.
    fn table(&self) -> Option<ConnectionTable> {
        let tracker = self.tracker.as_ref().filter(|_| self.plan.tcp)?;
        Some(match &self.counted {
            Some(counted) => tracker.snapshot_of(counted),
            None => tracker.snapshot(),
        })
    }
}

/// The TCP segment of a frame.
#[inline]
fn segment<'a>(record: &Record<'a>, number: u64, layers: &'a Layers, dissector: &'a Dissector) -> Option<Segment<'a>> {
    let tcp = layers.tcp.as_ref()?;
    let net = layers.nets.get(tcp.net? as usize)?;
    Some(Segment {
        frame: number,
        time_ns: record.time.as_nanos(),
        clock_ns: record.time.wrapping_nanos(),
        src: net.src,
        dst: net.dst,
        tcp,
        frame_bytes: without_pseudo_header(record).wire_len,
        payload: dissector.bytes(record, tcp.payload),
        recovered: record.recovered,
    })
}

impl Decoder {
    pub fn new(plan: Plan, limits: &Limits) -> Self {
        let selector = Selector::new(&plan.select, &plan.apps.ports, limits);
        let mut dissector = Dissector::new(limits);
        dissector.log_headers(selector.is_some());
        let follows = plan.tcp || selector.as_ref().is_some_and(Selector::follows_tcp);
        let mut tracker = follows.then(|| TcpTracker::new(limits));
        if selector.as_ref().is_some_and(Selector::details_tcp)
            && let Some(tracker) = &mut tracker
        {
            tracker.follow_details();
        }
        let mut counted = (plan.tcp && selector.is_some()).then(|| TcpTracker::new(limits));
        if counted.is_some() {
            [&mut counted, &mut tracker].into_iter().flatten().for_each(TcpTracker::keep_unpacked);
        }
        if let Some(t) = counted.as_mut().or(tracker.as_mut()) {
            t.report_closed(plan.connections && plan.tcp);
        }
        let mut apps = Apps::new(&plan.apps, limits);
        if let (Some(apps), Some(others)) = (&mut apps, selector.as_ref().and_then(Selector::apps)) {
            apps.leave_names_to(others);
        }
        Self {
            decompressor: Decompressor::new(limits),
            reader: Reader::new(limits, plan.resync),
            pass: Pass {
                tracker,
                counted,
                tally: plan.tally.then(|| Tally::new(limits)),
                selector,
                apps,
                max_interfaces: limits.max_interfaces,
                dissector,
                layers: Layers::default(),
                counts: Counts::default(),
                batch: Batch::default(),
                reported: 0,
                done: plan.max_packets == Some(0),
                enough: false,
                plan,
            },
            finished: false,
            interfaces_told: 0,
        }
    }

    /// A key log with the secrets of TLS sessions, in front of the first bytes.
    pub fn key_log(&mut self, log: &[u8]) {
        self.pass.secrets(log, Source::File);
    }

    /// The next bytes of the file, any number of them.
    pub fn feed(&mut self, data: &[u8]) -> Result<Batch, FormatError> {
        if !self.pass.done && !self.finished {
            let Self { decompressor, reader, pass, .. } = self;
            decompressor.feed(data, &mut |bytes| reader.feed(bytes, pass))?;
        }
        Ok(self.take_batch())
    }

    /// The end of the input.
    pub fn finish(&mut self) -> Result<Batch, FormatError> {
        if !self.finished {
            self.finished = true;
            let Self { decompressor, reader, pass, .. } = self;
            if !pass.done {
                decompressor.finish(&mut |bytes| reader.feed(bytes, pass))?;
                if let Some(reason) = decompressor.damage() {
                    reader.damaged(reason);
                }
                reader.finish(pass)?;
            }
            if let Some(t) = self.pass.counted.as_mut().or(self.pass.tracker.as_mut()) {
                t.finish();
            }
            if let Some(apps) = &mut self.pass.apps {
                apps.finish();
            }
            if let Some(selector) = &mut self.pass.selector {
                selector.finish();
            }
        }
        Ok(self.take_batch())
    }

    fn take_batch(&mut self) -> Batch {
        let mut batch = std::mem::take(&mut self.pass.batch);
        if self.pass.plan.connections
            && let Some(t) = self.pass.counted.as_mut().or(self.pass.tracker.as_mut())
        {
            t.take_closed(&mut batch.connections);
        }
        if let Some(apps) = &mut self.pass.apps {
            batch.messages = std::mem::take(&mut apps.out.messages);
        }
        if let Some(selector) = &mut self.pass.selector {
            batch.rows = std::mem::take(&mut selector.out);
            if selector.gives_bytes() {
                let known = &self.reader.facts().interfaces;
                batch.interfaces = known.get(self.interfaces_told..).unwrap_or_default().to_vec();
                self.interfaces_told = known.len();
            }
        }
        batch.latest_ns = self.pass.counts.latest.map(Timestamp::as_nanos);
        batch.frames = self.pass.counts.frames - self.pass.reported;
        self.pass.reported = self.pass.counts.frames;
        batch
    }

    /// max_packets are read, or as many frames passed as were asked for: more input changes nothing.
    pub fn done(&self) -> bool {
        self.pass.done
    }

    pub fn counts(&self) -> &Counts {
        &self.pass.counts
    }

    /// Bytes fed so far.
    pub fn bytes_in(&self) -> u64 {
        self.decompressor.bytes_in()
    }

    fn facts(&self) -> Snapshot {
        Snapshot {
            file: self.reader.facts().clone(),
            compression: self.decompressor.compression(),
            counts: self.pass.counts.clone(),
            bytes_in: self.decompressor.bytes_in(),
            bytes_out: self.decompressor.bytes_out(),
            finished: self.finished && !self.pass.done,
            stopped_by_max_packets: self.pass.done && !self.pass.enough,
            matched: self.pass.selector.as_ref().map(|s| s.matched),
            stopped_by_matches: self.pass.enough,
            searches_let_go: self.pass.selector.as_ref().map_or(0, Selector::let_go),
            unnumbered_datagrams: self.pass.selector.as_ref().map_or(0, Selector::unnumbered),
            tcp: None,
            tally: None,
            kept: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// What is known now; copies the tables.
    pub fn snapshot(&self) -> Snapshot {
        let mut s = self.facts();
        s.tcp = self.pass.table();
        s.tally = self.pass.tally.clone();
        if let Some(apps) = &self.pass.apps {
            (s.reports, s.kept) = (apps.reports(), apps.kept());
        }
        s
    }

    /// The last snapshot; moves the tables out.
    pub fn into_snapshot(mut self) -> Snapshot {
        let mut s = self.facts();
        if let Some(apps) = self.pass.apps.take() {
            (s.reports, s.kept) = apps.into_reports();
        }
        s.tcp = match self.pass.counted {
            Some(_) => self.pass.table(),
            None if self.pass.plan.tcp => self.pass.tracker.map(TcpTracker::into_table),
            None => None,
        };
        s.tally = self.pass.tally;
        s.tally.iter_mut().for_each(Tally::shrink);
        s
    }
}
