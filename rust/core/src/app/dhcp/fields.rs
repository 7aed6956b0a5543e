//! Fields of DHCPv4 and BOOTP messages (RFC 2131, RFC 2132), in the order in which Wireshark shows them.

use super::v4::has_cookie;
use crate::app::bytes::{be16, be32};
use crate::app::dns::wire;
use crate::fields;
use crate::filter::field::Names;
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};
use crate::net::arp_fields::HARDWARE;

fields! {
    Group::Dhcp, "dhcp", Some("dhcp");
    TYPE = u8("dhcp.type", "Message type").table(&OPERATIONS);
    HW_TYPE = u8("dhcp.hw.type", "Hardware type").hex().table(&HARDWARE);
    HW_LEN = u8("dhcp.hw.len", "Hardware address length");
    HOPS = u8("dhcp.hops", "Hops");
    ID = u32("dhcp.id", "Transaction id").hex();
    SECS = u16("dhcp.secs", "Seconds elapsed");
    SECS_LE = label("dhcp.secs_le", "Seconds seem to be little-endian");
    FLAGS = u16("dhcp.flags", "Flags").hex();
    FLAGS_BC = boolean("dhcp.flags.bc", "Broadcast").names(Names::Bool("Broadcast", "Unicast"));
    FLAGS_RESERVED = u16("dhcp.flags.reserved", "Reserved flags").hex();
    IP_CLIENT = ipv4("dhcp.ip.client", "Client address");
    IP_YOUR = ipv4("dhcp.ip.your", "Your (client) address");
    IP_SERVER = ipv4("dhcp.ip.server", "Next server address");
    IP_RELAY = ipv4("dhcp.ip.relay", "Relay agent address");
    HW_ADDR = bytes("dhcp.hw.addr", "Client hardware address that is no MAC address");
    HW_MAC = ether("dhcp.hw.mac_addr", "Client MAC address");
    HW_PADDING = bytes("dhcp.hw.addr_padding", "Padding behind the hardware address");
    NO_ADDRESS = label("dhcp.client_address_not_given", "Client address not given");
    SERVER = string("dhcp.server", "Server host name");
    FILE = string("dhcp.file", "Boot file name");
    SERVER_OVERLOADED = label("dhcp.server_name_overloaded_by_dhcp", "The server name holds options");
    FILE_OVERLOADED = label("dhcp.boot_filename_overloaded_by_dhcp", "The boot file name holds options");
    BOOTP = boolean("dhcp.bootp", "A BOOTP message: it has no message type");
    COOKIE = ipv4("dhcp.cookie", "Magic cookie");
    VENDOR_AREA = bytes("dhcp.vendor_specific_options", "Vendor area of BOOTP");
    OPTION = u8("dhcp.option.type", "Option");
    LENGTH = u8("dhcp.option.length", "Option length");
    VALUE = bytes("dhcp.option.value", "Option value");
    PADDING = bytes("dhcp.option.padding", "Padding");
    END = u8("dhcp.option.end", "End of options");
    BAD_LENGTH = label("dhcp.bad_length", "The length of an option does not fit its kind");
    O_SUBNET_MASK = ipv4("dhcp.option.subnet_mask", "Subnet mask");
    O_TIME_OFFSET = i32("dhcp.option.time_offset", "Time offset, s");
    O_ROUTER = ipv4("dhcp.option.router", "Router");
    O_TIME_SERVER = ipv4("dhcp.option.time_server", "Time server");
    O_NAME_SERVER = ipv4("dhcp.option.name_server", "IEN 116 name server");
    O_DOMAIN_NAME_SERVER = ipv4("dhcp.option.domain_name_server", "Domain name server");
    O_LOG_SERVER = ipv4("dhcp.option.log_server", "Log server");
    O_QUOTES_SERVER = ipv4("dhcp.option.quotes_server", "Cookie server");
    O_LPR_SERVER = ipv4("dhcp.option.lpr_server", "LPR server");
    O_IMPRESS_SERVER = ipv4("dhcp.option.impress_server", "Impress server");
    O_RESOURCE_LOCATION_SERVER = ipv4("dhcp.option.resource_location_server", "Resource location server");
    O_HOSTNAME = string("dhcp.option.hostname", "Host name");
    O_BOOT_FILE_SIZE = u16("dhcp.option.boot_file_size", "Boot file size");
    O_MERIT_DUMP_FILE = string("dhcp.option.merit_dump_file", "Merit dump file");
    O_DOMAIN_NAME = string("dhcp.option.domain_name", "Domain name");
    O_SWAP_SERVER = ipv4("dhcp.option.swap_server", "Swap server");
    O_ROOT_PATH = string("dhcp.option.root_path", "Root path");
    O_EXTENSION_PATH = string("dhcp.option.extension_path", "Extensions path");
    O_IP_FORWARDING = boolean("dhcp.option.ip_forwarding", "IP forwarding").names(Names::Bool("Enabled", "Disabled"));
    O_NON_LOCAL_SOURCE_ROUTING = boolean("dhcp.option.non_local_source_routing", "Non-local source routing").names(Names::Bool("Enabled", "Disabled"));
    O_MAX_DATAGRAM_REASSEMBLY_SIZE = u16("dhcp.option.max_datagram_reassembly_size", "Maximum datagram reassembly size");
    O_DEFAULT_IP_TTL = u8("dhcp.option.default_ip_ttl", "Default time to live");
    O_PATH_MTU_AGING_TIMEOUT = u32("dhcp.option.path_mtu_aging_timeout", "Path MTU aging timeout, s");
    O_PATH_MTU_PLATEAU_TABLE_ITEM = u16("dhcp.option.path_mtu_plateau_table_item", "Path MTU plateau");
    O_INTERFACE_MTU = u16("dhcp.option.interface_mtu", "Interface MTU");
    O_ALL_SUBNETS_ARE_LOCAL = boolean("dhcp.option.all_subnets_are_local", "All subnets are local").names(Names::Bool("Yes", "No"));
    O_BROADCAST_ADDRESS = ipv4("dhcp.option.broadcast_address", "Broadcast address");
    O_PERFORM_MASK_DISCOVERY = boolean("dhcp.option.perform_mask_discovery", "Perform mask discovery").names(Names::Bool("Enabled", "Disabled"));
    O_MASK_SUPPLIER = boolean("dhcp.option.mask_supplier", "Mask supplier").names(Names::Bool("Yes", "No"));
    O_PERFORM_ROUTER_DISCOVER = boolean("dhcp.option.perform_router_discover", "Perform router discovery").names(Names::Bool("Enabled", "Disabled"));
    O_ROUTER_SOLICITATION_ADDRESS = ipv4("dhcp.option.router_solicitation_address", "Router solicitation address");
    O_TRAILER_ENCAPSULATION = boolean("dhcp.option.trailer_encapsulation", "Trailer encapsulation").names(Names::Bool("Enabled", "Disabled"));
    O_ARP_CACHE_TIMEOUT = u32("dhcp.option.arp_cache_timeout", "ARP cache timeout, s");
    O_ETHERNET_ENCAPSULATION = boolean("dhcp.option.ethernet_encapsulation", "Ethernet encapsulation").names(Names::Bool("Enabled", "Disabled"));
    O_TCP_DEFAULT_TTL = u8("dhcp.option.tcp_default_ttl", "TCP default time to live");
    O_TCP_KEEPALIVE_INTERVAL = u32("dhcp.option.tcp_keepalive_interval", "TCP keepalive interval, s");
    O_TCP_KEEPALIVE_GARBAGE = boolean("dhcp.option.tcp_keepalive_garbage", "TCP keepalive garbage").names(Names::Bool("Enabled", "Disabled"));
    O_NIS_DOMAIN = string("dhcp.option.nis_domain", "NIS domain");
    O_NIS_SERVER = ipv4("dhcp.option.nis_server", "NIS server");
    O_NTP_SERVER = ipv4("dhcp.option.ntp_server", "NTP server");
    O_NETBIOS_OVER_TCPIP_NAME_SERVER = ipv4("dhcp.option.netbios_over_tcpip_name_server", "NetBIOS name server");
    O_NETBIOS_OVER_TCPIP_DD_NAME_SERVER = ipv4("dhcp.option.netbios_over_tcpip_dd_name_server", "NetBIOS datagram distribution server");
    O_NETBIOS_OVER_TCPIP_NODE_TYPE = u8("dhcp.option.netbios_over_tcpip_node_type", "NetBIOS node type").table(&NODE_TYPES);
    O_NETBIOS_OVER_TCPIP_SCOPE = string("dhcp.option.netbios_over_tcpip_scope", "NetBIOS scope");
    O_XWINDOWS_SYSTEM_FONT_SERVER = ipv4("dhcp.option.xwindows_system_font_server", "X font server");
    O_XWINDOWS_SYSTEM_DISPLAY_MANAGER = ipv4("dhcp.option.xwindows_system_display_manager", "X display manager");
    O_REQUESTED_IP_ADDRESS = ipv4("dhcp.option.requested_ip_address", "Requested address");
    O_IP_ADDRESS_LEASE_TIME = u32("dhcp.option.ip_address_lease_time", "Lease time, s");
    O_DHCP = u8("dhcp.option.dhcp", "DHCP message type").table(&TYPES);
    O_DHCP_SERVER_ID = ipv4("dhcp.option.dhcp_server_id", "DHCP server");
    O_MESSAGE = string("dhcp.option.message", "Message");
    O_DHCP_MAX_MESSAGE_SIZE = u16("dhcp.option.dhcp_max_message_size", "Maximum DHCP message size");
    O_RENEWAL_TIME_VALUE = u32("dhcp.option.renewal_time_value", "Renewal time, s");
    O_REBINDING_TIME_VALUE = u32("dhcp.option.rebinding_time_value", "Rebinding time, s");
    O_VENDOR_CLASS_ID = string("dhcp.option.vendor_class_id", "Vendor class identifier");
    O_NIS_PLUS_DOMAIN = string("dhcp.option.nis_plus_domain", "NIS+ domain");
    O_NIS_PLUS_SERVER = ipv4("dhcp.option.nis_plus_server", "NIS+ server");
    O_TFTP_SERVER_NAME = string("dhcp.option.tftp_server_name", "TFTP server name");
    O_BOOTFILE_NAME = string("dhcp.option.bootfile_name", "Boot file name");
    O_MOBILE_IP_HOME_AGENT = ipv4("dhcp.option.mobile_ip_home_agent", "Mobile IP home agent");
    O_SMTP_SERVER = ipv4("dhcp.option.smtp_server", "SMTP server");
    O_POP3_SERVER = ipv4("dhcp.option.pop3_server", "POP3 server");
    O_NNTP_SERVER = ipv4("dhcp.option.nntp_server", "NNTP server");
    O_DEFAULT_WWW_SERVER = ipv4("dhcp.option.default_www_server", "WWW server");
    O_DEFAULT_FINGER_SERVER = ipv4("dhcp.option.default_finger_server", "Finger server");
    O_DEFAULT_IRC_SERVER = ipv4("dhcp.option.default_irc_server", "IRC server");
    O_STREETTALK_SERVER = ipv4("dhcp.option.streettalk_server", "StreetTalk server");
    O_STREETTALK_DA_SERVER = ipv4("dhcp.option.streettalk_da_server", "StreetTalk directory assistance server");
    O_CLIENT_LAST_TRANSACTION_TIME = u32("dhcp.option.client_last_transaction_time", "Time since the client's last transaction, s");
    O_ASSOCIATED_IP_OPTION = ipv4("dhcp.option.associated_ip_option", "Associated address");
    O_TZ_PCODE = string("dhcp.option.tz_pcode", "POSIX time zone");
    O_TZ_TCODE = string("dhcp.option.tz_tcode", "Time zone database name");
    O_NETINFO_PARENT_SERVER_ADDRESS = ipv4("dhcp.option.netinfo_parent_server_address", "NetInfo parent server");
    O_NETINFO_PARENT_SERVER_TAG = string("dhcp.option.netinfo_parent_server_tag", "NetInfo parent server tag");
    O_DHCP_AUTO_CONFIGURATION = u8("dhcp.option.dhcp_auto_configuration", "Auto-configuration").table(&AUTO_CONFIGURATION);
    O_SUBNET_SELECTION_OPTION = ipv4("dhcp.option.subnet_selection_option", "Subnet selection");
    O_PANA_AGENT = ipv4("dhcp.option.pana_agent", "PANA agent");
    O_LOST_SERVER_DOMAIN_NAME = string("dhcp.option.lost_server_domain_name", "LoST server");
    O_CAPWAP_ACCESS_CONTROLLER = ipv4("dhcp.option.capwap_access_controller", "CAPWAP access controller");
    O_ANDSF_SERVER = ipv4("dhcp.option.andsf_server", "ANDSF server");
    O_TFTP_SERVER_ADDRESS = ipv4("dhcp.option.tftp_server_address", "TFTP server address");
    O_BULK_LEASE_START_TIME_OF_STATE = u32("dhcp.option.bulk_lease.start_time_of_state", "Start time of state");
    O_BULK_LEASE_DHCP_STATE = u8("dhcp.option.bulk_lease.dhcp_state", "State of the lease").table(&LEASE_STATES);
    O_BULK_LEASE_DATA_SOURCE = boolean("dhcp.option.bulk_lease.data_source", "Data source").names(Names::Bool("Remote", "Local"));
    O_MUDURL = string("dhcp.option.mudurl", "Manufacturer usage description");
    O_PXE_CONFIG_FILE = string("dhcp.option.pxe_config_file", "PXELINUX configuration file");
    O_PXE_PATH_PREFIX = string("dhcp.option.pxe_path_prefix", "PXELINUX path prefix");
    O_PRIVATE_PROXY_AUTODISCOVERY = string("dhcp.option.private_proxy_autodiscovery", "Proxy configuration URL");
    OVERLOADED = u8("dhcp.option.option_overload", "Option overload").table(&OVERLOADS);
    REQUESTED = u8("dhcp.option.request_list_item", "Requested option");
    POLICY_IP = ipv4("dhcp.option.policy_filter.ip", "Policy filter: address");
    POLICY_MASK = ipv4("dhcp.option.policy_filter.subnet_mask", "Policy filter: mask");
    ROUTE_IP = ipv4("dhcp.option.static_route.ip", "Static route: destination");
    ROUTE_ROUTER = ipv4("dhcp.option.static_route.router", "Static route: router");
    CLASSLESS_ROUTE = bytes("dhcp.option.classless_static_route", "Classless static route");
    VENDOR_VALUE = bytes("dhcp.option.vendor.value", "Vendor-specific information");
    CLIENT_UUID = guid("dhcp.client_id.uuid", "Client identifier: UUID");
    CLIENT_HARDWARE = string("dhcp.client_hardware_address", "Client identifier: hardware address");
    CLIENT_IAID = string("dhcp.client_id.iaid", "Client identifier: IAID");
    CLIENT_DUID_TYPE = u16("dhcp.client_id.duid_type", "Client identifier: DUID type").table(&super::fields6::DUID_TYPES);
    CLIENT_LLT_HW = u16("dhcp.client_id.duid_llt_hw_type", "Client identifier: hardware type (with time)").table(&HARDWARE);
    CLIENT_LL_HW = u16("dhcp.client_id.duid_ll_hw_type", "Client identifier: hardware type").table(&HARDWARE);
    CLIENT_TIME = u32("dhcp.client_id.time", "Client identifier: time");
    CLIENT_LINK = string("dhcp.client_id.link_layer_address", "Client identifier: link-layer address");
    CLIENT_ENTERPRISE = u32("dhcp.client_id.enterprise_num", "Client identifier: enterprise number");
    CLIENT_ID = bytes("dhcp.client_id", "Client identifier: identifier of the vendor");
    CLIENT_ID_TYPE = u8("dhcp.client_id.type", "Client identifier: type");
    CLIENT_ID_TEXT = string("dhcp.client_id.undef", "Client identifier: text");
    USER_CLASS = u8("dhcp.option.user_class", "User class, its number");
    USER_CLASS_LENGTH = u8("dhcp.option.user_class.length", "User class: length");
    USER_CLASS_DATA = bytes("dhcp.option.user_class.data", "User class: data");
    USER_CLASS_TEXT = string("dhcp.option.user_class.text", "User class: text");
    NONSTANDARD = label("dhcp.option.nonstd_data", "The option is not laid out as its RFC says");
    FQDN_FLAGS = u8("dhcp.fqdn.flags", "Client name: flags").hex();
    FQDN_MBZ = u8("dhcp.fqdn.mbz", "Client name: reserved flags").hex();
    FQDN_N = boolean("dhcp.fqdn.n", "Client name: server updates nothing").names(Names::Bool("No server updates", "Some server updates"));
    FQDN_E = boolean("dhcp.fqdn.e", "Client name: encoded as in DNS").names(Names::Bool("Binary encoding", "ASCII encoding"));
    FQDN_O = boolean("dhcp.fqdn.o", "Client name: server overrides").names(Names::Bool("Override", "No override"));
    FQDN_S = boolean("dhcp.fqdn.s", "Client name: server updates").names(Names::Bool("Server", "Client"));
    FQDN_RCODE1 = u8("dhcp.fqdn.rcode1", "Client name: result of the A record");
    FQDN_RCODE2 = u8("dhcp.fqdn.rcode2", "Client name: result of the PTR record");
    FQDN_NAME = string("dhcp.fqdn.name", "Client name");
    AGENT_SUBOPTION = u8("dhcp.option.agent_information_option.suboption", "Relay agent: sub-option");
    SUBOPTION_LENGTH = u8("dhcp.option.suboption_length", "Sub-option length");
    AGENT_CIRCUIT = bytes("dhcp.option.agent_information_option.agent_circuit_id", "Relay agent: circuit id");
    AGENT_REMOTE = bytes("dhcp.option.agent_information_option.agent_remote_id", "Relay agent: remote id");
    AGENT_LINK = ipv4("dhcp.option.agent_information_option.link_selection", "Relay agent: link selection");
    AGENT_SUBSCRIBER = string("dhcp.option.agent_information_option.subscriber_id", "Relay agent: subscriber id");
    AGENT_FLAGS = u8("dhcp.option.agent_information_option.flags", "Relay agent: flags").hex();
    AGENT_SERVER = ipv4("dhcp.option.agent_information_option.server_id_override", "Relay agent: server id override");
    AGENT_ID = bytes("dhcp.option.agent_information_option.relay_agent_id", "Relay agent: identifier");
    ARCHITECTURE = u16("dhcp.option.client_system_architecture", "Client system architecture").table(&ARCHITECTURES);
    NETWORK_MAJOR = u8("dhcp.client_network_id_major", "Client network interface: major version");
    NETWORK_MINOR = u8("dhcp.client_network_id_minor", "Client network interface: minor version");
    SEARCH = string("dhcp.option.dhcp_dns_domain_search_list_fqdn", "Domain search list");
    SIP_ENCODING = u8("dhcp.option.sip_server.encoding", "SIP server: encoding").table(&SIP_ENCODINGS);
    SIP_NAME = string("dhcp.option.sip_server.name", "SIP server: name");
    SIP_ADDRESS = ipv4("dhcp.option.sip_server.address", "SIP server: address");
    NONCE_ALGORITHM = u8("dhcp.option.forcerenew_nonce.algorithm", "Force renew nonce: algorithm").table(&NONCES);
    CAPTIVE_PORTAL = string("dhcp.option.captive_portal", "Captive portal");
}

/// Value names as Wireshark has them, as in all tables here.
static OPERATIONS: [(u64, &str); 2] = [(1, "Boot Request"), (2, "Boot Reply")];
static AUTO_CONFIGURATION: [(u64, &str); 2] = [(0, "DoNotAutoConfigure"), (1, "AutoConfigure")];
static NODE_TYPES: [(u64, &str); 4] = [(1, "B-node"), (2, "P-node"), (4, "M-node"), (8, "H-node")];
static SIP_ENCODINGS: [(u64, &str); 2] = [(0, "Fully Qualified Domain Name"), (1, "IPv4 Address")];
static NONCES: [(u64, &str); 1] = [(1, "HMAC-MD5")];
static OVERLOADS: [(u64, &str); 3] = [
    (1, "Boot file name holds options"),
    (2, "Server host name holds options"),
    (3, "Boot file and server host names hold options"),
];
/// RFC 2131 and later ones.
static TYPES: [(u64, &str); 18] = [
    (1, "Discover"),
    (2, "Offer"),
    (3, "Request"),
    (4, "Decline"),
    (5, "ACK"),
    (6, "NAK"),
    (7, "Release"),
    (8, "Inform"),
    (9, "Force Renew"),
    (10, "Lease query"),
    (11, "Lease Unassigned"),
    (12, "Lease Unknown"),
    (13, "Lease Active"),
    (14, "Bulk Lease Query"),
    (15, "Lease Query Done"),
    (16, "Active LeaseQuery"),
    (17, "Lease Query Status"),
    (18, "TLS"),
];
static LEASE_STATES: [(u64, &str); 8] = [
    (1, "Available"),
    (2, "Active"),
    (3, "Expired"),
    (4, "Released"),
    (5, "Abandoned"),
    (6, "Reset"),
    (7, "Remote"),
    (8, "Transitioning"),
];
/// RFC 4578 2.1 and its registry.
static ARCHITECTURES: [(u64, &str); 33] = [
    (0, "IA x86 PC"),
    (1, "NEC/PC98"),
    (2, "IA64 PC"),
    (3, "DEC Alpha"),
    (4, "ArcX86"),
    (5, "Intel Lean Client"),
    (6, "EFI IA32"),
    (7, "EFI x64"),
    (8, "EFI Xscale"),
    (9, "EFI BC"),
    (10, "ARM 32-bit UEFI"),
    (11, "ARM 64-bit UEFI"),
    (12, "PowerPC Open Firmware"),
    (13, "PowerPC ePAPR"),
    (14, "POWER OPAL v3"),
    (15, "x86 UEFI HTTP"),
    (16, "x64 UEFI HTTP"),
    (17, "EBC UEFI HTTP"),
    (18, "ARM 32-bit UEFI HTTP"),
    (19, "ARM 64-bit UEFI HTTP"),
    (20, "PC/AT HTTP"),
    (21, "ARM 32-bit uboot"),
    (22, "ARM 64-bit uboot"),
    (23, "ARM 32-bit uboot HTTP"),
    (24, "ARM 64-bit uboot HTTP"),
    (25, "RISC-V 32-bit UEFI"),
    (26, "RISC-V 32-bit UEFI HTTP"),
    (27, "RISC-V 64-bit UEFI"),
    (28, "RISC-V 64-bit UEFI HTTP"),
    (29, "RISC-V 128-bit UEFI"),
    (30, "RISC-V 128-bit UEFI HTTP"),
    (31, "s390 Basic"),
    (32, "s390 Extended"),
];

/// How the value of an option is laid out that Wireshark shows as one kind of field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Address,
    Addresses,
    Text,
    /// An unsigned number of so many bytes.
    Number(usize),
    /// Signed, four bytes.
    Seconds,
    /// Two bytes each.
    Words,
    Flag,
}

static OPTIONS: &[(u8, Layout, FieldId)] = &[
    (1, Layout::Address, O_SUBNET_MASK),
    (2, Layout::Seconds, O_TIME_OFFSET),
    (3, Layout::Addresses, O_ROUTER),
    (4, Layout::Addresses, O_TIME_SERVER),
    (5, Layout::Addresses, O_NAME_SERVER),
    (6, Layout::Addresses, O_DOMAIN_NAME_SERVER),
    (7, Layout::Addresses, O_LOG_SERVER),
    (8, Layout::Addresses, O_QUOTES_SERVER),
    (9, Layout::Addresses, O_LPR_SERVER),
    (10, Layout::Addresses, O_IMPRESS_SERVER),
    (11, Layout::Addresses, O_RESOURCE_LOCATION_SERVER),
    (12, Layout::Text, O_HOSTNAME),
    (13, Layout::Number(2), O_BOOT_FILE_SIZE),
    (14, Layout::Text, O_MERIT_DUMP_FILE),
    (15, Layout::Text, O_DOMAIN_NAME),
    (16, Layout::Address, O_SWAP_SERVER),
    (17, Layout::Text, O_ROOT_PATH),
    (18, Layout::Text, O_EXTENSION_PATH),
    (19, Layout::Flag, O_IP_FORWARDING),
    (20, Layout::Flag, O_NON_LOCAL_SOURCE_ROUTING),
    (22, Layout::Number(2), O_MAX_DATAGRAM_REASSEMBLY_SIZE),
    (23, Layout::Number(1), O_DEFAULT_IP_TTL),
    (24, Layout::Number(4), O_PATH_MTU_AGING_TIMEOUT),
    (25, Layout::Words, O_PATH_MTU_PLATEAU_TABLE_ITEM),
    (26, Layout::Number(2), O_INTERFACE_MTU),
    (27, Layout::Flag, O_ALL_SUBNETS_ARE_LOCAL),
    (28, Layout::Address, O_BROADCAST_ADDRESS),
    (29, Layout::Flag, O_PERFORM_MASK_DISCOVERY),
    (30, Layout::Flag, O_MASK_SUPPLIER),
    (31, Layout::Flag, O_PERFORM_ROUTER_DISCOVER),
    (32, Layout::Address, O_ROUTER_SOLICITATION_ADDRESS),
    (34, Layout::Flag, O_TRAILER_ENCAPSULATION),
    (35, Layout::Number(4), O_ARP_CACHE_TIMEOUT),
    (36, Layout::Flag, O_ETHERNET_ENCAPSULATION),
    (37, Layout::Number(1), O_TCP_DEFAULT_TTL),
    (38, Layout::Number(4), O_TCP_KEEPALIVE_INTERVAL),
    (39, Layout::Flag, O_TCP_KEEPALIVE_GARBAGE),
    (40, Layout::Text, O_NIS_DOMAIN),
    (41, Layout::Addresses, O_NIS_SERVER),
    (42, Layout::Addresses, O_NTP_SERVER),
    (44, Layout::Addresses, O_NETBIOS_OVER_TCPIP_NAME_SERVER),
    (45, Layout::Addresses, O_NETBIOS_OVER_TCPIP_DD_NAME_SERVER),
    (46, Layout::Number(1), O_NETBIOS_OVER_TCPIP_NODE_TYPE),
    (47, Layout::Text, O_NETBIOS_OVER_TCPIP_SCOPE),
    (48, Layout::Addresses, O_XWINDOWS_SYSTEM_FONT_SERVER),
    (49, Layout::Addresses, O_XWINDOWS_SYSTEM_DISPLAY_MANAGER),
    (50, Layout::Address, O_REQUESTED_IP_ADDRESS),
    (51, Layout::Number(4), O_IP_ADDRESS_LEASE_TIME),
    (53, Layout::Number(1), O_DHCP),
    (54, Layout::Address, O_DHCP_SERVER_ID),
    (56, Layout::Text, O_MESSAGE),
    (57, Layout::Number(2), O_DHCP_MAX_MESSAGE_SIZE),
    (58, Layout::Number(4), O_RENEWAL_TIME_VALUE),
    (59, Layout::Number(4), O_REBINDING_TIME_VALUE),
    (60, Layout::Text, O_VENDOR_CLASS_ID),
    (64, Layout::Text, O_NIS_PLUS_DOMAIN),
    (65, Layout::Addresses, O_NIS_PLUS_SERVER),
    (66, Layout::Text, O_TFTP_SERVER_NAME),
    (67, Layout::Text, O_BOOTFILE_NAME),
    (68, Layout::Addresses, O_MOBILE_IP_HOME_AGENT),
    (69, Layout::Addresses, O_SMTP_SERVER),
    (70, Layout::Addresses, O_POP3_SERVER),
    (71, Layout::Addresses, O_NNTP_SERVER),
    (72, Layout::Addresses, O_DEFAULT_WWW_SERVER),
    (73, Layout::Addresses, O_DEFAULT_FINGER_SERVER),
    (74, Layout::Addresses, O_DEFAULT_IRC_SERVER),
    (75, Layout::Addresses, O_STREETTALK_SERVER),
    (76, Layout::Addresses, O_STREETTALK_DA_SERVER),
    (91, Layout::Number(4), O_CLIENT_LAST_TRANSACTION_TIME),
    (92, Layout::Addresses, O_ASSOCIATED_IP_OPTION),
    (100, Layout::Text, O_TZ_PCODE),
    (101, Layout::Text, O_TZ_TCODE),
    (112, Layout::Addresses, O_NETINFO_PARENT_SERVER_ADDRESS),
    (113, Layout::Text, O_NETINFO_PARENT_SERVER_TAG),
    (116, Layout::Number(1), O_DHCP_AUTO_CONFIGURATION),
    (118, Layout::Addresses, O_SUBNET_SELECTION_OPTION),
    (136, Layout::Addresses, O_PANA_AGENT),
    (137, Layout::Text, O_LOST_SERVER_DOMAIN_NAME),
    (138, Layout::Addresses, O_CAPWAP_ACCESS_CONTROLLER),
    (142, Layout::Addresses, O_ANDSF_SERVER),
    (150, Layout::Addresses, O_TFTP_SERVER_ADDRESS),
    (153, Layout::Number(4), O_BULK_LEASE_START_TIME_OF_STATE),
    (156, Layout::Number(1), O_BULK_LEASE_DHCP_STATE),
    (157, Layout::Flag, O_BULK_LEASE_DATA_SOURCE),
    (161, Layout::Text, O_MUDURL),
    (209, Layout::Text, O_PXE_CONFIG_FILE),
    (210, Layout::Text, O_PXE_PATH_PREFIX),
    (252, Layout::Text, O_PRIVATE_PROXY_AUTODISCOVERY),
];

/// Vendor classes whose vendor-specific information (option 43) Wireshark reads by rules of its own.
const VENDORS: [&[u8]; 10] = [
    b"PXEClient",
    b"pktc",
    b"docsis",
    b"CableHome",
    b"AAPLBSDPC",
    b"alcatel.",
    b"Aruba",
    b"Cisco",
    b"AEROHIVE",
    b"Bluecoat",
];

const SNAME: (usize, usize) = (44, 108);
const FILE_AREA: (usize, usize) = (108, 236);
const OVERLOAD: u8 = 52;
/// Options of one message that are shown.
const MAX_OPTIONS: usize = 1024;

/// What the options say of one another.
struct State<'a> {
    m: &'a [u8],
    /// Value of option 52; 0 once its areas have been shown.
    overload: u8,
    vendor: &'a [u8],
    /// Options that may still be shown.
    left: usize,
    search: Pieces,
    sip: Pieces,
}

/// An option in several pieces (RFC 3396).
struct Pieces {
    /// Pieces still to come.
    left: usize,
    data: Vec<u8>,
}

impl Pieces {
    /// All of it with the last piece.
    fn add(&mut self, d: &[u8]) -> Option<&[u8]> {
        self.data.extend_from_slice(d);
        self.left = self.left.saturating_sub(1);
        (self.left == 0).then_some(&self.data)
    }
}

/// Puts the fields of a message. What is cut ends them, as in Wireshark.
pub(super) fn put(m: &[u8], sink: &mut Sink) {
    let _ = message(m, sink);
}

fn message(m: &[u8], sink: &mut Sink) -> Option<()> {
    let cookie = has_cookie(m);
    let from = 236 + if cookie { 4 } else { 64 };
    let (mut overload, mut vendor, mut is_dhcp) = (0, &[][..], false);
    let (mut searches, mut sips) = (0, 0);
    walk(m, from, m.len(), |code, d| match code {
        OVERLOAD => overload = d.first().copied().unwrap_or(0),
        53 => is_dhcp = true,
        60 => vendor = d,
        119 => searches += 1,
        120 => sips += 1,
        _ => {}
    });
    let number = |field, at: usize, len: usize, sink: &mut Sink| -> Option<u64> {
        let v = m.get(at..at + len)?.iter().fold(0u64, |v, b| v << 8 | u64::from(*b));
        sink.uint(field, v, at, len);
        Some(v)
    };
    number(TYPE, 0, 1, sink)?;
    let hardware = number(HW_TYPE, 1, 1, sink)?;
    let hlen = number(HW_LEN, 2, 1, sink)? as usize;
    number(HOPS, 3, 1, sink)?;
    number(ID, 4, 4, sink)?;
    // Some clients send the low byte first.
    match *m.get(8..10)? {
        [low, 0] if low > 0 => {
            sink.uint(SECS, u64::from(low), 8, 2);
            sink.label(SECS_LE, 8, 2);
        }
        [high, low] => sink.uint(SECS, u64::from(high) << 8 | u64::from(low), 8, 2),
        _ => return None,
    }
    let flags = number(FLAGS, 10, 2, sink)?;
    sink.boolean(FLAGS_BC, flags & 0x8000 != 0, 10, 2);
    sink.uint(FLAGS_RESERVED, flags & 0x7fff, 10, 2);
    for (field, at) in [(IP_CLIENT, 12), (IP_YOUR, 16), (IP_SERVER, 20), (IP_RELAY, 24)] {
        sink.ipv4(field, *m.get(at..)?.first_chunk()?, at);
    }
    if (1..=16).contains(&hlen) {
        if matches!(hardware, 1 | 6) && hlen == 6 {
            sink.ether(HW_MAC, *m.get(28..)?.first_chunk()?, 28);
        } else {
            sink.bytes(HW_ADDR, m.get(28..44)?, 28);
        }
        if hlen < 16 {
            sink.bytes(HW_PADDING, m.get(28 + hlen..44)?, 28 + hlen);
        }
    } else {
        sink.label(NO_ADDRESS, 28, 16);
    }
    for (field, told, bit, (from, to)) in [(SERVER, SERVER_OVERLOADED, 2, SNAME), (FILE, FILE_OVERLOADED, 1, FILE_AREA)]
    {
        if overload & bit != 0 {
            sink.label(told, from, to - from);
            continue;
        }
        sink.ascii(field, m.get(from..to)?, from);
    }
    if !is_dhcp {
        sink.boolean(BOOTP, true, 0, 0);
    }
    if cookie {
        sink.ipv4(COOKIE, *m.get(236..)?.first_chunk()?, 236);
    } else {
        sink.bytes(VENDOR_AREA, m.get(236..300)?, 236);
    }
    let pieces = |left| Pieces { left, data: Vec::new() };
    let mut state = State { m, overload, vendor, left: MAX_OPTIONS, search: pieces(searches), sip: pieces(sips) };
    let end = state.area(from, m.len(), false, sink)?;
    if let Some(rest) = m.get(end..).filter(|r| !r.is_empty()) {
        sink.bytes(PADDING, rest, end);
    }
    Some(())
}

/// (code, value) of the whole options between two offsets, up to the end option.
fn walk<'a>(m: &'a [u8], mut at: usize, end: usize, mut each: impl FnMut(u8, &'a [u8])) {
    // Ends: every turn moves on by at least a byte.
    while at < end {
        match (m.get(at), m.get(at + 1)) {
            (Some(0), _) => at += 1,
            (Some(255), _) | (_, None) | (None, _) => return,
            (Some(&code), Some(&len)) => {
                let next = at + 2 + usize::from(len);
                if let Some(d) = m.get(at + 2..next) {
                    each(code, d);
                }
                at = next;
            }
        }
    }
}

impl<'a> State<'a> {
    /// The options of an area; the offset behind them.
    fn area(&mut self, mut at: usize, end: usize, inner: bool, sink: &mut Sink) -> Option<usize> {
        // Ends: every turn moves on by at least a byte.
        while at < end && self.left > 0 {
            self.left -= 1;
            match *self.m.get(at)? {
                0 => {
                    let pad = self.m.get(at..end)?.iter().take_while(|b| **b == 0).count();
                    sink.uint(OPTION, 0, at, 1);
                    sink.bytes(PADDING, self.m.get(at..at + pad)?, at);
                    at += pad;
                }
                255 => {
                    sink.uint(OPTION, 0, at, 1);
                    if inner || self.overload == 0 {
                        sink.uint(END, 255, at, 1);
                    }
                    return Some(at + 1);
                }
                code => {
                    let len = usize::from(*self.m.get(at + 1)?);
                    sink.uint(OPTION, u64::from(code), at, 2 + len);
                    sink.uint(LENGTH, len as u64, at + 1, 1);
                    let d = self.m.get(at + 2..at + 2 + len)?;
                    sink.bytes(VALUE, d, at + 2);
                    self.option(code, d, at + 2, inner, sink)?;
                    at += 2 + len;
                }
            }
        }
        Some(at)
    }

    /// None: Wireshark gives up on the message here.
    fn option(&mut self, code: u8, d: &'a [u8], at: usize, inner: bool, sink: &mut Sink) -> Option<()> {
        if let Some((_, layout, field)) = OPTIONS.iter().find(|o| o.0 == code) {
            // A message type is read whatever its length.
            let d = if code == 53 { d.get(..1)? } else { d };
            basic(*layout, *field, d, at, sink);
            return Some(());
        }
        match code {
            21 => pairs(d, at, POLICY_IP, POLICY_MASK, sink),
            33 => pairs(d, at, ROUTE_IP, ROUTE_ROUTER, sink),
            43 if !VENDORS.iter().any(|v| self.vendor.starts_with(v)) => sink.bytes(VENDOR_VALUE, d, at),
            OVERLOAD => self.overloaded(d, at, inner, sink)?,
            55 => d.iter().enumerate().for_each(|(i, c)| sink.uint(REQUESTED, u64::from(*c), at + i, 1)),
            61 => client_id(d, at, sink)?,
            77 => user_class(d, at, sink)?,
            81 => fqdn(d, at, sink),
            82 => agent(d, at, sink)?,
            93 => {
                for (i, pair) in d.chunks_exact(2).enumerate() {
                    sink.uint(ARCHITECTURE, u64::from(be16(pair, 0)?), at + 2 * i, 2);
                }
                if !d.len().is_multiple_of(2) {
                    sink.label(BAD_LENGTH, at, d.len());
                }
            }
            94 if *d.first()? == 1 => {
                sink.uint(NETWORK_MAJOR, u64::from(*d.get(1)?), at + 1, 1);
                sink.uint(NETWORK_MINOR, u64::from(*d.get(2)?), at + 2, 1);
            }
            97 => machine_id(d, at, sink),
            119 => self.search.add(d).into_iter().for_each(|d| names(SEARCH, d, 0, at, sink)),
            120 => self.sip.add(d).map_or(Some(()), |d| sip(d, at, sink))?,
            121 | 249 => routes(d, at, sink),
            145 => d.iter().enumerate().for_each(|(i, c)| sink.uint(NONCE_ALGORITHM, u64::from(*c), at + i, 1)),
            160 if !d.is_empty() => sink.ascii(CAPTIVE_PORTAL, d, at),
            _ => {}
        }
        Some(())
    }

    /// Options in the areas of server name and boot file (RFC 2132 9.3), shown inside of this option.
    fn overloaded(&mut self, d: &[u8], at: usize, inner: bool, sink: &mut Sink) -> Option<()> {
        let Some(&bits) = d.first() else {
            sink.label(BAD_LENGTH, at, 0);
            return Some(());
        };
        sink.uint(OVERLOADED, u64::from(bits), at, 1);
        if !inner && (1..=3).contains(&self.overload) {
            for (bit, (from, to)) in [(2, SNAME), (1, FILE_AREA)] {
                if bits & bit != 0 {
                    self.area(from, to, true, sink)?;
                }
            }
            self.overload = 0;
        }
        Some(())
    }
}

fn basic(layout: Layout, field: FieldId, d: &[u8], at: usize, sink: &mut Sink) {
    let all = d.iter().fold(0u64, |v, b| v << 8 | u64::from(*b));
    match layout {
        Layout::Address if d.len() == 4 => sink.ipv4(field, (all as u32).to_be_bytes(), at),
        Layout::Number(n) if d.len() == n => sink.uint(field, all, at, n),
        Layout::Seconds if d.len() == 4 => sink.int(field, i64::from(all as u32 as i32), at, 4),
        Layout::Flag if d.len() == 1 => sink.boolean(field, all != 0, at, 1),
        Layout::Text => sink.ascii(field, d, at),
        Layout::Addresses => addresses(field, d, at, sink),
        Layout::Words => {
            for (i, pair) in d.chunks_exact(2).enumerate() {
                be16(pair, 0).into_iter().for_each(|v| sink.uint(field, u64::from(v), at + 2 * i, 2));
            }
            if !d.len().is_multiple_of(2) {
                sink.label(BAD_LENGTH, at, d.len());
            }
        }
        _ => sink.label(BAD_LENGTH, at, d.len()),
    }
}

fn addresses(field: FieldId, d: &[u8], at: usize, sink: &mut Sink) {
    for (i, a) in d.chunks_exact(4).enumerate() {
        a.first_chunk().into_iter().for_each(|a| sink.ipv4(field, *a, at + 4 * i));
    }
    if !d.len().is_multiple_of(4) {
        sink.label(BAD_LENGTH, at, d.len());
    }
}

fn pairs(d: &[u8], at: usize, first: FieldId, second: FieldId, sink: &mut Sink) {
    let whole = d.len() / 8 * 8;
    for (i, a) in d.get(..whole).unwrap_or_default().chunks_exact(4).enumerate() {
        let field = if i % 2 == 0 { first } else { second };
        a.first_chunk().into_iter().for_each(|a| sink.ipv4(field, *a, at + 4 * i));
    }
    if whole < d.len() {
        sink.label(BAD_LENGTH, at, d.len());
    }
}

/// RFC 2132 9.14 and RFC 4361 6.1.
fn client_id(d: &[u8], at: usize, sink: &mut Sink) -> Option<()> {
    let Some(&kind) = d.first() else { return Some(()) };
    if (d.len() == 7 && (1..48).contains(&kind)) || (d.len() == 17 && kind == 0) {
        machine_id(d, at, sink);
    } else if kind == 255 {
        sink.text(CLIENT_IAID, link_layer(d.get(1..5)?, 255).as_bytes(), at + 1, 4);
        let duid = be16(d, 5)?;
        sink.uint(CLIENT_DUID_TYPE, u64::from(duid), at + 5, 2);
        match duid {
            1 => {
                let hardware = be16(d, 7)?;
                sink.uint(CLIENT_LLT_HW, u64::from(hardware), at + 7, 2);
                sink.uint(CLIENT_TIME, u64::from(be32(d, 9)?), at + 9, 4);
                let link = d.get(13..)?;
                sink.text(CLIENT_LINK, link_layer(link, hardware).as_bytes(), at + 13, link.len());
            }
            2 => {
                sink.uint(CLIENT_ENTERPRISE, u64::from(be32(d, 7)?), at + 7, 4);
                sink.bytes(CLIENT_ID, d.get(11..)?, at + 11);
            }
            3 => {
                let hardware = be16(d, 7)?;
                sink.uint(CLIENT_LL_HW, u64::from(hardware), at + 7, 2);
                let link = d.get(9..)?;
                sink.text(CLIENT_LINK, link_layer(link, hardware).as_bytes(), at + 9, link.len());
            }
            _ => {}
        }
    } else if kind == 0 && d.len() > 1 {
        sink.uint(CLIENT_ID_TYPE, 0, at, 1);
        sink.ascii(CLIENT_ID_TEXT, d.get(1..)?, at + 1);
    }
    Some(())
}

/// RFC 4578 2.3: a hardware address with its type, or a UUID.
fn machine_id(d: &[u8], at: usize, sink: &mut Sink) {
    match *d {
        [kind @ 1..48, ref hardware @ ..] if hardware.len() == 6 => {
            sink.uint(HW_TYPE, u64::from(kind), at, 1);
            match hardware.first_chunk() {
                Some(mac) if matches!(kind, 1 | 6) => sink.ether(HW_MAC, *mac, at + 1),
                _ => {
                    let text = link_layer(hardware, kind.into());
                    sink.text(CLIENT_HARDWARE, text.as_bytes(), at + 1, 6);
                }
            }
        }
        [0, a, b, c, d, e, f, g, h, ref rest @ ..] if rest.len() == 8 => {
            // The first three parts have their low byte first.
            let mut uuid = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
            uuid[8..].copy_from_slice(rest);
            sink.bytes(CLIENT_UUID, &uuid, at + 1);
        }
        _ => {}
    }
}

/// A link-layer address as Wireshark writes it: with colons where it is that of an Ethernet, else in plain digits.
pub(super) fn link_layer(d: &[u8], hardware: u16) -> String {
    let colons = matches!(hardware, 1 | 6) && d.len() == 6;
    let mut out = String::with_capacity(3 * d.len());
    for (i, b) in d.iter().enumerate() {
        if colons && i > 0 {
            out.push(':');
        }
        out.extend([b >> 4, b & 15].map(|n| char::from_digit(n.into(), 16).unwrap_or('0')));
    }
    out
}

/// RFC 3004 4, and what iPXE and Microsoft's remote access send in its place.
fn user_class(d: &[u8], at: usize, sink: &mut Sink) -> Option<()> {
    const REMOTE_ACCESS: &[u8] = b"RRAS.Microsoft";
    if d.len() < 2 {
        sink.label(BAD_LENGTH, at, d.len());
        return Some(());
    }
    if d.starts_with(b"iPXE") {
        sink.ascii(USER_CLASS_TEXT, d, at);
        sink.label(NONSTANDARD, at, d.len());
        return Some(());
    }
    let (mut from, mut n) = (0, 0u8);
    // Ends: every turn moves on by at least a byte.
    while from < d.len() {
        if d.get(from..)?.starts_with(REMOTE_ACCESS) {
            sink.ascii(USER_CLASS_TEXT, REMOTE_ACCESS, at + from);
            sink.label(NONSTANDARD, at + from, REMOTE_ACCESS.len());
            from += REMOTE_ACCESS.len();
            continue;
        }
        let len = usize::from(*d.get(from)?);
        sink.uint(USER_CLASS, n.into(), at + from, 1);
        sink.uint(USER_CLASS_LENGTH, len as u64, at + from, 1);
        if len == 0 {
            break;
        }
        sink.bytes(USER_CLASS_DATA, d.get(from + 1..from + 1 + len)?, at + from + 1);
        from += 1 + len;
        n = n.wrapping_add(1);
    }
    Some(())
}

/// RFC 4702 2.
fn fqdn(d: &[u8], at: usize, sink: &mut Sink) {
    let &[flags, a, ptr, ref name @ ..] = d else {
        sink.label(BAD_LENGTH, at, d.len());
        return;
    };
    sink.uint(FQDN_FLAGS, flags.into(), at, 1);
    sink.uint(FQDN_MBZ, u64::from(flags >> 4), at, 1);
    for (field, bit) in [(FQDN_N, 8), (FQDN_E, 4), (FQDN_O, 2), (FQDN_S, 1)] {
        sink.boolean(field, flags & bit != 0, at, 1);
    }
    sink.uint(FQDN_RCODE1, a.into(), at + 1, 1);
    sink.uint(FQDN_RCODE2, ptr.into(), at + 2, 1);
    if name.is_empty() {
    } else if flags & 4 != 0 {
        let mut text = Vec::new();
        domain(name, 0, &mut text);
        sink.text(FQDN_NAME, &text, at + 3, name.len());
    } else {
        sink.ascii(FQDN_NAME, name, at + 3);
    }
}

/// Reads the name that starts there, be it without its root, into `out`; the offset behind it.
pub(super) fn domain(d: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    if let Some(end) = wire::raw_name(d, at, out) {
        return end;
    }
    let mut whole = d.to_vec();
    whole.push(0);
    if wire::raw_name(&whole, at, out).is_none() {
        out.clear();
    }
    d.len()
}

fn names(field: FieldId, d: &[u8], mut from: usize, at: usize, sink: &mut Sink) {
    let mut text = Vec::new();
    // Ends: a name is at least a byte long.
    while from < d.len() {
        let end = domain(d, from, &mut text).max(from + 1);
        sink.text(field, &text, at + from, end - from);
        from = end;
    }
}

/// RFC 3361.
fn sip(d: &[u8], at: usize, sink: &mut Sink) -> Option<()> {
    let (&encoding, rest) = d.split_first()?;
    sink.uint(SIP_ENCODING, encoding.into(), at, 1);
    match encoding {
        0 if rest.len() >= 2 => names(SIP_NAME, d, 1, at, sink),
        1 if rest.len() >= 4 && rest.len().is_multiple_of(4) => addresses(SIP_ADDRESS, rest, at + 1, sink),
        0 | 1 => sink.label(BAD_LENGTH, at, d.len()),
        _ => {}
    }
    Some(())
}

/// RFC 3442.
fn routes(d: &[u8], at: usize, sink: &mut Sink) {
    if d.len() < 5 {
        sink.label(BAD_LENGTH, at, d.len());
        return;
    }
    let mut from = 0;
    // Ends: every turn moves on by at least five bytes.
    while let Some(&width) = d.get(from).filter(|w| **w <= 32) {
        let len = 5 + usize::from(width).div_ceil(8);
        let Some(route) = d.get(from..from + len) else { break };
        sink.bytes(CLASSLESS_ROUTE, route, at + from);
        from += len;
    }
}

/// RFC 3046 2.
fn agent(d: &[u8], at: usize, sink: &mut Sink) -> Option<()> {
    let mut from = 0;
    // Ends: every turn moves on by at least two bytes.
    while from < d.len() {
        let (code, len) = (*d.get(from)?, usize::from(*d.get(from + 1)?));
        sink.uint(AGENT_SUBOPTION, code.into(), at + from, 2 + len);
        sink.uint(SUBOPTION_LENGTH, len as u64, at + from + 1, 1);
        let Some(value) = d.get(from + 2..from + 2 + len) else { break };
        let here = at + from + 2;
        match code {
            1 => sink.bytes(AGENT_CIRCUIT, value, here),
            2 => sink.bytes(AGENT_REMOTE, value, here),
            5 => basic(Layout::Address, AGENT_LINK, value, here, sink),
            6 => sink.ascii(AGENT_SUBSCRIBER, value, here),
            10 => basic(Layout::Number(1), AGENT_FLAGS, value, here, sink),
            11 => basic(Layout::Address, AGENT_SERVER, value, here, sink),
            12 => sink.bytes(AGENT_ID, value, here),
            _ => {}
        }
        from += 2 + len;
    }
    Some(())
}
