pub mod connection;
use crate::addr::IpAddr; use crate::layers::Tcp; use crate::limits::Limits; use connection::Connection;
pub struct Segment<'a> { pub frame: u64, pub time_ns: i64, pub src: IpAddr, pub dst: IpAddr, pub tcp: &'a Tcp, pub frame_bytes: u32, pub payload: &'a [u8], pub recovered: bool }
#[derive(Clone,Copy)] pub struct Verdict { pub stream: u32, pub events: u16, pub to_client: bool }
pub struct TcpTracker; 
impl TcpTracker { pub fn new(_:&Limits)->Self{Self} pub fn report_closed(&mut self,_:bool){} pub fn segment(&mut self,_:&Segment<'_>)->Verdict{Verdict{stream:0,events:0,to_client:false}}
 pub fn quoted(&mut self,_:u64,_:IpAddr,_:IpAddr,_:u16,_:u16){} pub fn finish(&mut self){} pub fn take_closed(&mut self,_:&mut Vec<Connection>){} pub fn snapshot(&self)->ConnectionTable{ConnectionTable} pub fn into_table(self)->ConnectionTable{ConnectionTable}}
#[derive(Clone,Debug)] pub struct ConnectionTable;
