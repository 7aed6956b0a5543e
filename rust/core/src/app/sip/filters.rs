//! Fields of SIP messages (RFC 3261), in the order in which Wireshark shows them. Answers to challenges, what they can be
//! guessed from, and passwords in URIs are masked; the fields that hold nothing else are not there.

use super::body;
use super::headers::{Header, Parsed};
use super::secret;
use super::start::{self, Start};
use super::uri::{self, Uri};
use crate::fields;
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};

fields! {
    Group::Sip, "sip", Some("sip");
    REQUEST_LINE = string("sip.Request-Line", "Request line");
    METHOD = string("sip.Method", "Method");
    STATUS_LINE = string("sip.Status-Line", "Status line");
    STATUS_CODE = u32("sip.Status-Code", "Status code");
    MSG_HDR = string("sip.msg_hdr", "All behind the start line");
    MSG_BODY = label("sip.msg_body", "Message body");
    UNRECOGNIZED = label("sip.unrecognized_header", "A header that Wireshark does not know");
    NO_COLON = label("sip.header_no_colon", "A line among the headers without a colon");
    NOT_TERMINATED = label("sip.header_not_terminated", "The headers do not end with an empty line");
    BAD_LENGTH = label("sip.content_length.invalid", "The content length is no number");
    BAD_RETRY = label("sip.retry_after.invalid", "Retry-After is no number");
    DISPLAY_INFO = string("sip.display.info", "Display name");
    TAG = string("sip.tag", "Tag of From or To");
    FROM_TAG = string("sip.from.tag", "From: tag");
    TO_TAG = string("sip.to.tag", "To: tag");
    CONTACT_PARAMETER = string("sip.contact.parameter", "Contact: parameter");
    TC_TARGET = string("sip.tc.target-uri", "Trigger-Consent: target URI");
    R_DISPLAY = string("sip.r-uri.display.info", "Request URI: display name");
    R_ADDR = string("sip.r-uri", "Request URI: URI");
    R_USER = string("sip.r-uri.user", "Request URI: user");
    R_HOST = string("sip.r-uri.host", "Request URI: host");
    R_PORT = string("sip.r-uri.port", "Request URI: port");
    R_PARAM = string("sip.r-uri.param", "Request URI: URI parameter");
    FROM_DISPLAY = string("sip.from.display.info", "From: display name");
    FROM_ADDR = string("sip.from.addr", "From: URI");
    FROM_USER = string("sip.from.user", "From: user");
    FROM_HOST = string("sip.from.host", "From: host");
    FROM_PORT = string("sip.from.port", "From: port");
    FROM_PARAM = string("sip.from.param", "From: URI parameter");
    TO_DISPLAY = string("sip.to.display.info", "To: display name");
    TO_ADDR = string("sip.to.addr", "To: URI");
    TO_USER = string("sip.to.user", "To: user");
    TO_HOST = string("sip.to.host", "To: host");
    TO_PORT = string("sip.to.port", "To: port");
    TO_PARAM = string("sip.to.param", "To: URI parameter");
    CONTACT_DISPLAY = string("sip.contact.display.info", "Contact: display name");
    CONTACT_ADDR = string("sip.contact.uri", "Contact: URI");
    CONTACT_USER = string("sip.contact.user", "Contact: user");
    CONTACT_HOST = string("sip.contact.host", "Contact: host");
    CONTACT_PORT = string("sip.contact.port", "Contact: port");
    CONTACT_PARAM = string("sip.contact.param", "Contact: URI parameter");
    ROUTE_DISPLAY = string("sip.Route.display.info", "Route: display name");
    ROUTE_ADDR = string("sip.Route.uri", "Route: URI");
    ROUTE_USER = string("sip.Route.user", "Route: user");
    ROUTE_HOST = string("sip.Route.host", "Route: host");
    ROUTE_PORT = string("sip.Route.port", "Route: port");
    ROUTE_PARAM = string("sip.Route.param", "Route: URI parameter");
    RECORD_DISPLAY = string("sip.Record-Route.display.info", "Record-Route: display name");
    RECORD_ADDR = string("sip.Record-Route.uri", "Record-Route: URI");
    RECORD_USER = string("sip.Record-Route.user", "Record-Route: user");
    RECORD_HOST = string("sip.Record-Route.host", "Record-Route: host");
    RECORD_PORT = string("sip.Record-Route.port", "Record-Route: port");
    RECORD_PARAM = string("sip.Record-Route.param", "Record-Route: URI parameter");
    SERVICE_DISPLAY = string("sip.Service-Route.display.info", "Service-Route: display name");
    SERVICE_ADDR = string("sip.Service-Route.uri", "Service-Route: URI");
    SERVICE_USER = string("sip.Service-Route.user", "Service-Route: user");
    SERVICE_HOST = string("sip.Service-Route.host", "Service-Route: host");
    SERVICE_PORT = string("sip.Service-Route.port", "Service-Route: port");
    SERVICE_PARAM = string("sip.Service-Route.param", "Service-Route: URI parameter");
    PATH_DISPLAY = string("sip.Path.display.info", "Path: display name");
    PATH_ADDR = string("sip.Path.uri", "Path: URI");
    PATH_USER = string("sip.Path.user", "Path: user");
    PATH_HOST = string("sip.Path.host", "Path: host");
    PATH_PORT = string("sip.Path.port", "Path: port");
    PATH_PARAM = string("sip.Path.param", "Path: URI parameter");
    PAI_DISPLAY = string("sip.pai.display.info", "P-Asserted-Identity: display name");
    PAI_ADDR = string("sip.pai.addr", "P-Asserted-Identity: URI");
    PAI_USER = string("sip.pai.user", "P-Asserted-Identity: user");
    PAI_HOST = string("sip.pai.host", "P-Asserted-Identity: host");
    PAI_PORT = string("sip.pai.port", "P-Asserted-Identity: port");
    PAI_PARAM = string("sip.pai.param", "P-Asserted-Identity: URI parameter");
    PPI_DISPLAY = string("sip.ppi.display.info", "P-Preferred-Identity: display name");
    PPI_ADDR = string("sip.ppi.addr", "P-Preferred-Identity: URI");
    PPI_USER = string("sip.ppi.user", "P-Preferred-Identity: user");
    PPI_HOST = string("sip.ppi.host", "P-Preferred-Identity: host");
    PPI_PORT = string("sip.ppi.port", "P-Preferred-Identity: port");
    PPI_PARAM = string("sip.ppi.param", "P-Preferred-Identity: URI parameter");
    PMISS_DISPLAY = string("sip.pmiss.display.info", "Permission-Missing: display name");
    PMISS_ADDR = string("sip.pmiss.addr", "Permission-Missing: URI");
    PMISS_USER = string("sip.pmiss.user", "Permission-Missing: user");
    PMISS_HOST = string("sip.pmiss.host", "Permission-Missing: host");
    PMISS_PORT = string("sip.pmiss.port", "Permission-Missing: port");
    PMISS_PARAM = string("sip.pmiss.param", "Permission-Missing: URI parameter");
    TC_DISPLAY = string("sip.tc.display.info", "Trigger-Consent: display name");
    TC_ADDR = string("sip.tc.addr", "Trigger-Consent: URI");
    TC_USER = string("sip.tc.user", "Trigger-Consent: user");
    TC_HOST = string("sip.tc.host", "Trigger-Consent: host");
    TC_PORT = string("sip.tc.port", "Trigger-Consent: port");
    TC_PARAM = string("sip.tc.param", "Trigger-Consent: URI parameter");
    CSEQ_SEQ = u32("sip.CSeq.seq", "CSeq: number");
    CSEQ_METHOD = string("sip.CSeq.method", "CSeq: method");
    RACK_RSEQ = u32("sip.RAck.RSeq.seq", "RAck: number of the response");
    RACK_CSEQ = u32("sip.RAck.CSeq.seq", "RAck: number of the request");
    RACK_METHOD = string("sip.RAck.CSeq.method", "RAck: method");
    VIA_TRANSPORT = string("sip.Via.transport", "Via: transport");
    VIA_ADDRESS = string("sip.Via.sent-by.address", "Via: sent by");
    VIA_PORT = u16("sip.Via.sent-by.port", "Via: sent by, port");
    VIA_BRANCH = string("sip.Via.branch", "Via: branch");
    VIA_MADDR = string("sip.Via.maddr", "Via: multicast address");
    VIA_RPORT = string("sip.Via.rport", "Via: response port");
    VIA_RECEIVED = string("sip.Via.received", "Via: received from");
    VIA_TTL = string("sip.Via.ttl", "Via: time to live");
    VIA_COMP = string("sip.Via.comp", "Via: compression");
    VIA_SIGCOMP = string("sip.Via.sigcomp-id", "Via: SigComp identifier");
    REASON_PROTOCOL = string("sip.reason_protocols", "Reason: protocol");
    REASON_Q850 = u32("sip.reason_cause_q850", "Reason: cause of Q.850");
    REASON_SIP = u32("sip.reason_cause_sip", "Reason: status code");
    REASON_OTHER = u32("sip.reason_cause_other", "Reason: cause");
    REASON_TEXT = string("sip.reason_text", "Reason: text");
    ACCESS_TYPE = string("sip.P-Access-Network-Info.access-type", "P-Access-Network-Info: access type");
    ACCESS_CELL = string("sip.P-Access-Network-Info.utran-cell-id-3gpp", "P-Access-Network-Info: cell");
    AUTH = string("sip.auth", "Line with credentials or a challenge, masked");
    AUTH_SCHEME = string("sip.auth.scheme", "Credentials: scheme");
    AUTH_USERNAME = string("sip.auth.username", "Credentials: user name");
    AUTH_REALM = string("sip.auth.realm", "Credentials: realm");
    AUTH_URI = string("sip.auth.uri", "Credentials: URI");
    AUTH_ALGORITHM = string("sip.auth.algorithm", "Credentials: algorithm");
    AUTH_QOP = string("sip.auth.qop", "Credentials: quality of protection");
    AUTH_NC = string("sip.auth.nc", "Credentials: nonce count");
    AUTH_DOMAIN = string("sip.auth.domain", "Challenge: domain");
    AUTH_STALE = string("sip.auth.stale", "Challenge: stale");
    H_ACCEPT = string("sip.Accept", "The header Accept");
    H_ACCEPT_CONTACT = string("sip.Accept-Contact", "The header Accept-Contact");
    H_ACCEPT_ENCODING = string("sip.Accept-Encoding", "The header Accept-Encoding");
    H_ACCEPT_LANGUAGE = string("sip.Accept-Language", "The header Accept-Language");
    H_ACCEPT_RESOURCE_PRIORITY = string("sip.Accept-Resource-Priority", "The header Accept-Resource-Priority");
    H_ADDITIONAL_IDENTITY = string("sip.Additional-Identity", "The header Additional-Identity");
    H_ALERT_INFO = string("sip.Alert-Info", "The header Alert-Info");
    H_ALLOW = string("sip.Allow", "The header Allow");
    H_ALLOW_EVENTS = string("sip.Allow-Events", "The header Allow-Events");
    H_ANSWER_MODE = string("sip.Answer-Mode", "The header Answer-Mode");
    H_ATTESTATION_INFO = string("sip.Attestation-Info", "The header Attestation-Info");
    H_AUTHENTICATION_INFO = string("sip.Authentication-Info", "The header Authentication-Info");
    H_AUTHORIZATION = string("sip.Authorization", "The header Authorization");
    H_CALL_ID = string("sip.Call-ID", "The header Call-ID");
    H_CALL_INFO = string("sip.Call-Info", "The header Call-Info");
    H_CELLULAR_NETWORK_INFO = string("sip.Cellular-Network-Info", "The header Cellular-Network-Info");
    H_CONTACT = string("sip.Contact", "The header Contact");
    H_CONTENT_DISPOSITION = string("sip.Content-Disposition", "The header Content-Disposition");
    H_CONTENT_ENCODING = string("sip.Content-Encoding", "The header Content-Encoding");
    H_CONTENT_LANGUAGE = string("sip.Content-Language", "The header Content-Language");
    H_CONTENT_LENGTH = u32("sip.Content-Length", "The header Content-Length");
    H_CONTENT_TYPE = string("sip.Content-Type", "The header Content-Type");
    H_CSEQ = string("sip.CSeq", "The header CSeq");
    H_DATE = string("sip.Date", "The header Date");
    H_ERROR_INFO = string("sip.Error-Info", "The header Error-Info");
    H_EVENT = string("sip.Event", "The header Event");
    H_EXPIRES = u32("sip.Expires", "The header Expires");
    H_FEATURE_CAPS = string("sip.Feature-Caps", "The header Feature-Caps");
    H_FLOW_TIMER = string("sip.Flow-Timer", "The header Flow-Timer");
    H_FROM = string("sip.From", "The header From");
    H_GEOLOCATION = string("sip.Geolocation", "The header Geolocation");
    H_GEOLOCATION_ERROR = string("sip.Geolocation-Error", "The header Geolocation-Error");
    H_GEOLOCATION_ROUTING = string("sip.Geolocation-Routing", "The header Geolocation-Routing");
    H_HISTORY_INFO = string("sip.History-Info", "The header History-Info");
    H_IDENTITY = string("sip.Identity", "The header Identity");
    H_IDENTITY_INFO = string("sip.Identity-info", "The header Identity-info");
    H_INFO_PACKAGE = string("sip.Info-Package", "The header Info-Package");
    H_IN_REPLY_TO = string("sip.In-Reply-To", "The header In-Reply-To");
    H_JOIN = string("sip.Join", "The header Join");
    H_MAX_BREADTH = u32("sip.Max-Breadth", "The header Max-Breadth");
    H_MAX_FORWARDS = u32("sip.Max-Forwards", "The header Max-Forwards");
    H_MIME_VERSION = string("sip.MIME-Version", "The header MIME-Version");
    H_MIN_EXPIRES = string("sip.Min-Expires", "The header Min-Expires");
    H_MIN_SE = string("sip.Min-SE", "The header Min-SE");
    H_ORGANIZATION = string("sip.Organization", "The header Organization");
    H_ORIGINATION_ID = string("sip.Origination-Id", "The header Origination-Id");
    H_P_ACCESS_NETWORK_INFO = string("sip.P-Access-Network-Info", "The header P-Access-Network-Info");
    H_P_ANSWER_STATE = string("sip.P-Answer-State", "The header P-Answer-State");
    H_P_ASSERTED_IDENTITY = string("sip.P-Asserted-Identity", "The header P-Asserted-Identity");
    H_P_ASSERTED_SERVICE = string("sip.P-Asserted-Service", "The header P-Asserted-Service");
    H_P_CHARGE_INFO = string("sip.P-Charge-Info", "The header P-Charge-Info");
    H_P_ASSOCIATED_URI = string("sip.P-Associated-URI", "The header P-Associated-URI");
    H_P_CALLED_PARTY_ID = string("sip.P-Called-Party-ID", "The header P-Called-Party-ID");
    H_P_CHARGING_FUNCTION_ADDRESSES = string("sip.P-Charging-Function-Addresses", "The header P-Charging-Function-Addresses");
    H_P_CHARGING_VECTOR = string("sip.P-Charging-Vector", "The header P-Charging-Vector");
    H_P_DCS_TRACE_PARTY_ID = string("sip.P-DCS-Trace-Party-ID", "The header P-DCS-Trace-Party-ID");
    H_P_DCS_OSPS = string("sip.P-DCS-OSPS", "The header P-DCS-OSPS");
    H_P_DCS_BILLING_INFO = string("sip.P-DCS-Billing-Info", "The header P-DCS-Billing-Info");
    H_P_DCS_LAES = string("sip.P-DCS-LAES", "The header P-DCS-LAES");
    H_P_DCS_REDIRECT = string("sip.P-DCS-Redirect", "The header P-DCS-Redirect");
    H_P_EARLY_MEDIA = string("sip.P-Early-Media", "The header P-Early-Media");
    H_P_MEDIA_AUTHORIZATION = string("sip.P-Media-Authorization", "The header P-Media-Authorization");
    H_P_PREFERRED_IDENTITY = string("sip.P-Preferred-Identity", "The header P-Preferred-Identity");
    H_P_PREFERRED_SERVICE = string("sip.P-Preferred-Service", "The header P-Preferred-Service");
    H_P_PROFILE_KEY = string("sip.P-Profile-Key", "The header P-Profile-Key");
    H_P_REFUSED_URI_LIST = string("sip.P-Refused-URI-List", "The header P-Refused-URI-List");
    H_P_SERVED_USER = string("sip.P-Served-User", "The header P-Served-User");
    H_P_USER_DATABASE = string("sip.P-User-Database", "The header P-User-Database");
    H_P_VISITED_NETWORK_ID = string("sip.P-Visited-Network-ID", "The header P-Visited-Network-ID");
    H_PATH = string("sip.Path", "The header Path");
    H_PERMISSION_MISSING = string("sip.Permission-Missing", "The header Permission-Missing");
    H_POLICY_CONTACT = string("sip.Policy_Contact", "The header Policy_Contact");
    H_POLICY_ID = string("sip.Policy_ID", "The header Policy_ID");
    H_PRIORITY = string("sip.Priority", "The header Priority");
    H_PRIORITY_SHARE = string("sip.Priority-Share", "The header Priority-Share");
    H_PRIV_ANSWER_MODE = string("sip.Priv-Answer-mode", "The header Priv-Answer-mode");
    H_PRIVACY = string("sip.Privacy", "The header Privacy");
    H_PROXY_AUTHENTICATE = string("sip.Proxy-Authenticate", "The header Proxy-Authenticate");
    H_PROXY_AUTHORIZATION = string("sip.Proxy-Authorization", "The header Proxy-Authorization");
    H_PROXY_REQUIRE = string("sip.Proxy-Require", "The header Proxy-Require");
    H_RACK = string("sip.RAck", "The header RAck");
    H_REASON = string("sip.Reason", "The header Reason");
    H_RECORD_ROUTE = string("sip.Record-Route", "The header Record-Route");
    H_RECV_INFO = string("sip.Recv-Info", "The header Recv-Info");
    H_REFER_SUB = string("sip.Refer-Sub", "The header Refer-Sub");
    H_REFER_TO = string("sip.Refer-To", "The header Refer-To");
    H_REFERRED_BY = string("sip.Referred-by", "The header Referred-by");
    H_REJECT_CONTACT = string("sip.Reject-Contact", "The header Reject-Contact");
    H_RELAYED_CHARGE = string("sip.Relayed-Charge", "The header Relayed-Charge");
    H_REPLACES = string("sip.Replaces", "The header Replaces");
    H_REPLY_TO = string("sip.Reply-To", "The header Reply-To");
    H_REQUEST_DISPOSITION = string("sip.Request-Disposition", "The header Request-Disposition");
    H_REQUIRE = string("sip.Require", "The header Require");
    H_RESOURCE_PRIORITY = string("sip.Resource-Priority", "The header Resource-Priority");
    H_RESOURCE_SHARE = string("sip.Resource-Share", "The header Resource-Share");
    H_RESPONSE_SOURCE = string("sip.Response-Source", "The header Response-Source");
    H_RESTORATION_INFO = string("sip.Restoration-Info", "The header Restoration-Info");
    H_RETRY_AFTER = u32("sip.Retry-After", "The header Retry-After");
    H_ROUTE = string("sip.Route", "The header Route");
    H_RSEQ = u32("sip.RSeq", "The header RSeq");
    H_SECURITY_CLIENT = string("sip.Security-Client", "The header Security-Client");
    H_SECURITY_SERVER = string("sip.Security-Server", "The header Security-Server");
    H_SECURITY_VERIFY = string("sip.Security-Verify", "The header Security-Verify");
    H_SERVER = string("sip.Server", "The header Server");
    H_SERVICE_INTERACT_INFO = string("sip.Service-Interact-Info", "The header Service-Interact-Info");
    H_SERVICE_ROUTE = string("sip.Service-Route", "The header Service-Route");
    H_SESSION_EXPIRES = string("sip.Session-Expires", "The header Session-Expires");
    H_SESSION_ID = string("sip.Session-ID", "The header Session-ID");
    H_ETAG = string("sip.ETag", "The header ETag");
    H_IF_MATCH = string("sip.If_Match", "The header If_Match");
    H_SUBJECT = string("sip.Subject", "The header Subject");
    H_SUBSCRIPTION_STATE = string("sip.Subscription-State", "The header Subscription-State");
    H_SUPPORTED = string("sip.Supported", "The header Supported");
    H_SUPPRESS_IF_MATCH = string("sip.Suppress_If_Match", "The header Suppress_If_Match");
    H_TARGET_DIALOG = string("sip.Target-Dialog", "The header Target-Dialog");
    H_TIMESTAMP = string("sip.Timestamp", "The header Timestamp");
    H_TO = string("sip.To", "The header To");
    H_TRIGGER_CONSENT = string("sip.Trigger-Consent", "The header Trigger-Consent");
    H_UNSUPPORTED = string("sip.Unsupported", "The header Unsupported");
    H_USER_AGENT = string("sip.User-Agent", "The header User-Agent");
    H_VIA = string("sip.Via", "The header Via");
    H_WARNING = string("sip.Warning", "The header Warning");
    H_WWW_AUTHENTICATE = string("sip.WWW-Authenticate", "The header WWW-Authenticate");
    H_DIVERSION = string("sip.Diversion", "The header Diversion");
    H_UUI = string("sip.uui", "The header uui");
}

/// Display name, URI, user, host, port, parameters of the URI.
type UriFields = [FieldId; 6];

const R: UriFields = [R_DISPLAY, R_ADDR, R_USER, R_HOST, R_PORT, R_PARAM];
const FROM: UriFields = [FROM_DISPLAY, FROM_ADDR, FROM_USER, FROM_HOST, FROM_PORT, FROM_PARAM];
const TO: UriFields = [TO_DISPLAY, TO_ADDR, TO_USER, TO_HOST, TO_PORT, TO_PARAM];
const CONTACT: UriFields = [CONTACT_DISPLAY, CONTACT_ADDR, CONTACT_USER, CONTACT_HOST, CONTACT_PORT, CONTACT_PARAM];
const ROUTE: UriFields = [ROUTE_DISPLAY, ROUTE_ADDR, ROUTE_USER, ROUTE_HOST, ROUTE_PORT, ROUTE_PARAM];
const RECORD: UriFields = [RECORD_DISPLAY, RECORD_ADDR, RECORD_USER, RECORD_HOST, RECORD_PORT, RECORD_PARAM];
const SERVICE: UriFields = [SERVICE_DISPLAY, SERVICE_ADDR, SERVICE_USER, SERVICE_HOST, SERVICE_PORT, SERVICE_PARAM];
const PATH: UriFields = [PATH_DISPLAY, PATH_ADDR, PATH_USER, PATH_HOST, PATH_PORT, PATH_PARAM];
const PAI: UriFields = [PAI_DISPLAY, PAI_ADDR, PAI_USER, PAI_HOST, PAI_PORT, PAI_PARAM];
const PPI: UriFields = [PPI_DISPLAY, PPI_ADDR, PPI_USER, PPI_HOST, PPI_PORT, PPI_PARAM];
const PMISS: UriFields = [PMISS_DISPLAY, PMISS_ADDR, PMISS_USER, PMISS_HOST, PMISS_PORT, PMISS_PARAM];
const TC: UriFields = [TC_DISPLAY, TC_ADDR, TC_USER, TC_HOST, TC_PORT, TC_PARAM];

/// By name in lower case, in order.
static HEADERS: [(&str, FieldId); 125] = [
    ("accept", H_ACCEPT),
    ("accept-contact", H_ACCEPT_CONTACT),
    ("accept-encoding", H_ACCEPT_ENCODING),
    ("accept-language", H_ACCEPT_LANGUAGE),
    ("accept-resource-priority", H_ACCEPT_RESOURCE_PRIORITY),
    ("additional-identity", H_ADDITIONAL_IDENTITY),
    ("alert-info", H_ALERT_INFO),
    ("allow", H_ALLOW),
    ("allow-events", H_ALLOW_EVENTS),
    ("answer-mode", H_ANSWER_MODE),
    ("attestation-info", H_ATTESTATION_INFO),
    ("authentication-info", H_AUTHENTICATION_INFO),
    ("authorization", H_AUTHORIZATION),
    ("call-id", H_CALL_ID),
    ("call-info", H_CALL_INFO),
    ("cellular-network-info", H_CELLULAR_NETWORK_INFO),
    ("contact", H_CONTACT),
    ("content-disposition", H_CONTENT_DISPOSITION),
    ("content-encoding", H_CONTENT_ENCODING),
    ("content-language", H_CONTENT_LANGUAGE),
    ("content-length", H_CONTENT_LENGTH),
    ("content-type", H_CONTENT_TYPE),
    ("cseq", H_CSEQ),
    ("date", H_DATE),
    ("diversion", H_DIVERSION),
    ("error-info", H_ERROR_INFO),
    ("event", H_EVENT),
    ("expires", H_EXPIRES),
    ("feature-caps", H_FEATURE_CAPS),
    ("flow-timer", H_FLOW_TIMER),
    ("from", H_FROM),
    ("geolocation", H_GEOLOCATION),
    ("geolocation-error", H_GEOLOCATION_ERROR),
    ("geolocation-routing", H_GEOLOCATION_ROUTING),
    ("history-info", H_HISTORY_INFO),
    ("identity", H_IDENTITY),
    ("identity-info", H_IDENTITY_INFO),
    ("in-reply-to", H_IN_REPLY_TO),
    ("info-package", H_INFO_PACKAGE),
    ("join", H_JOIN),
    ("max-breadth", H_MAX_BREADTH),
    ("max-forwards", H_MAX_FORWARDS),
    ("mime-version", H_MIME_VERSION),
    ("min-expires", H_MIN_EXPIRES),
    ("min-se", H_MIN_SE),
    ("organization", H_ORGANIZATION),
    ("origination-id", H_ORIGINATION_ID),
    ("p-access-network-info", H_P_ACCESS_NETWORK_INFO),
    ("p-answer-state", H_P_ANSWER_STATE),
    ("p-asserted-identity", H_P_ASSERTED_IDENTITY),
    ("p-asserted-service", H_P_ASSERTED_SERVICE),
    ("p-associated-uri", H_P_ASSOCIATED_URI),
    ("p-called-party-id", H_P_CALLED_PARTY_ID),
    ("p-charge-info", H_P_CHARGE_INFO),
    ("p-charging-function-addresses", H_P_CHARGING_FUNCTION_ADDRESSES),
    ("p-charging-vector", H_P_CHARGING_VECTOR),
    ("p-dcs-billing-info", H_P_DCS_BILLING_INFO),
    ("p-dcs-laes", H_P_DCS_LAES),
    ("p-dcs-osps", H_P_DCS_OSPS),
    ("p-dcs-redirect", H_P_DCS_REDIRECT),
    ("p-dcs-trace-party-id", H_P_DCS_TRACE_PARTY_ID),
    ("p-early-media", H_P_EARLY_MEDIA),
    ("p-media-authorization", H_P_MEDIA_AUTHORIZATION),
    ("p-preferred-identity", H_P_PREFERRED_IDENTITY),
    ("p-preferred-service", H_P_PREFERRED_SERVICE),
    ("p-profile-key", H_P_PROFILE_KEY),
    ("p-refused-uri-list", H_P_REFUSED_URI_LIST),
    ("p-served-user", H_P_SERVED_USER),
    ("p-user-database", H_P_USER_DATABASE),
    ("p-visited-network-id", H_P_VISITED_NETWORK_ID),
    ("path", H_PATH),
    ("permission-missing", H_PERMISSION_MISSING),
    ("policy-contact", H_POLICY_CONTACT),
    ("policy-id", H_POLICY_ID),
    ("priority", H_PRIORITY),
    ("priority-share", H_PRIORITY_SHARE),
    ("priv-answer-mode", H_PRIV_ANSWER_MODE),
    ("privacy", H_PRIVACY),
    ("proxy-authenticate", H_PROXY_AUTHENTICATE),
    ("proxy-authorization", H_PROXY_AUTHORIZATION),
    ("proxy-require", H_PROXY_REQUIRE),
    ("rack", H_RACK),
    ("reason", H_REASON),
    ("record-route", H_RECORD_ROUTE),
    ("recv-info", H_RECV_INFO),
    ("refer-sub", H_REFER_SUB),
    ("refer-to", H_REFER_TO),
    ("referred-by", H_REFERRED_BY),
    ("reject-contact", H_REJECT_CONTACT),
    ("relayed-charge", H_RELAYED_CHARGE),
    ("replaces", H_REPLACES),
    ("reply-to", H_REPLY_TO),
    ("request-disposition", H_REQUEST_DISPOSITION),
    ("require", H_REQUIRE),
    ("resource-priority", H_RESOURCE_PRIORITY),
    ("resource-share", H_RESOURCE_SHARE),
    ("response-source", H_RESPONSE_SOURCE),
    ("restoration-info", H_RESTORATION_INFO),
    ("retry-after", H_RETRY_AFTER),
    ("route", H_ROUTE),
    ("rseq", H_RSEQ),
    ("security-client", H_SECURITY_CLIENT),
    ("security-server", H_SECURITY_SERVER),
    ("security-verify", H_SECURITY_VERIFY),
    ("server", H_SERVER),
    ("service-interact-info", H_SERVICE_INTERACT_INFO),
    ("service-route", H_SERVICE_ROUTE),
    ("session-expires", H_SESSION_EXPIRES),
    ("session-id", H_SESSION_ID),
    ("sip-etag", H_ETAG),
    ("sip-if-match", H_IF_MATCH),
    ("subject", H_SUBJECT),
    ("subscription-state", H_SUBSCRIPTION_STATE),
    ("supported", H_SUPPORTED),
    ("suppress-if-match", H_SUPPRESS_IF_MATCH),
    ("target-dialog", H_TARGET_DIALOG),
    ("timestamp", H_TIMESTAMP),
    ("to", H_TO),
    ("trigger-consent", H_TRIGGER_CONSENT),
    ("unsupported", H_UNSUPPORTED),
    ("user-agent", H_USER_AGENT),
    ("user-to-user", H_UUI),
    ("via", H_VIA),
    ("warning", H_WARNING),
    ("www-authenticate", H_WWW_AUTHENTICATE),
];

/// Parameters of Via (RFC 3261 20.42).
const VIA_PARAMETERS: [(&[u8], FieldId); 7] = [
    (b"branch", VIA_BRANCH),
    (b"maddr", VIA_MADDR),
    (b"rport", VIA_RPORT),
    (b"received", VIA_RECEIVED),
    (b"ttl", VIA_TTL),
    (b"comp", VIA_COMP),
    (b"sigcomp-id", VIA_SIGCOMP),
];

/// Parameters of credentials and challenges that are told.
const AUTH_PARAMETERS: [(&[u8], FieldId); 8] = [
    (b"username", AUTH_USERNAME),
    (b"realm", AUTH_REALM),
    (b"uri", AUTH_URI),
    (b"algorithm", AUTH_ALGORITHM),
    (b"qop", AUTH_QOP),
    (b"nc", AUTH_NC),
    (b"domain", AUTH_DOMAIN),
    (b"stale", AUTH_STALE),
];

/// Puts the fields of a message.
pub(super) fn put(m: &[u8], parsed: &Parsed<'_>, sink: &mut Sink) {
    let mut at = start_line(m, parsed, sink);
    if sink.wants(MSG_HDR) {
        let shown = secret::whole(m.get(at..).unwrap_or_default());
        sink.utf8(MSG_HDR, &shown, at);
    }
    let mut whole = false;
    // Ends: every turn goes to the next line.
    while at < m.len() {
        let (mut line, mut next) = start::line(m, at);
        if line.is_empty() {
            (whole, at) = (true, next);
            break;
        }
        while matches!(m.get(next), Some(b' ' | b'\t')) {
            let (more, behind) = start::line(m, next);
            line = m.get(at..next + more.len()).unwrap_or_default();
            next = behind;
        }
        match line.iter().position(|b| *b == b':') {
            None => sink.label(NO_COLON, at, line.len()),
            // Wireshark gives up on the message.
            Some(colon)
                if header(line, m.get(at + line.len()..next).unwrap_or_default(), colon, at, sink).is_none() =>
            {
                return;
            }
            Some(_) => {}
        }
        at = next;
    }
    if !whole {
        sink.label(NOT_TERMINATED, at, 0);
    }
    if !parsed.body.is_empty() {
        sink.label(MSG_BODY, body::offset(m, parsed.body), parsed.body.len());
    }
}

/// The offset behind it.
fn start_line(m: &[u8], parsed: &Parsed<'_>, sink: &mut Sink) -> usize {
    let line = parsed.start_line;
    match parsed.start {
        Start::Request { method, uri } => {
            sink.utf8(REQUEST_LINE, &secret::without_password(line), 0);
            sink.utf8(METHOD, method, 0);
            let at = method.len() + 1;
            sink.utf8(R_ADDR, &secret::without_password(uri), at);
            if let Some(parts) = uri::plain(uri, 0) {
                uri_parts(uri, at, &parts, &R, sink);
            }
        }
        Start::Response { code, .. } => {
            sink.utf8(STATUS_LINE, line, 0);
            sink.uint(STATUS_CODE, code.into(), 8, 3);
        }
    }
    start::line(m, 0).1
}

/// One header line that starts at `at`. None: Wireshark gives up on the message here.
fn header(line: &[u8], ends: &[u8], colon: usize, at: usize, sink: &mut Sink) -> Option<()> {
    let name = String::from_utf8_lossy(line.get(..colon)?).to_ascii_lowercase();
    let long = match name.as_bytes() {
        [letter] => super::headers::compact(*letter).unwrap_or(&name),
        _ => &name,
    };
    let Ok(found) = HEADERS.binary_search_by(|h| h.0.cmp(long)) else {
        sink.label(UNRECOGNIZED, at, line.len());
        return Some(());
    };
    let field = HEADERS[found].1;
    let from = colon + 1 + line.get(colon + 1..)?.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let (v, here) = (line.get(from..)?, at + from);
    match long {
        "expires" | "max-forwards" | "max-breadth" | "rseq" => sink.uint(field, leading(v), at, line.len()),
        "content-length" | "retry-after" => {
            let exact = v.iter().all(u8::is_ascii_digit) && !v.is_empty();
            sink.uint(field, if exact { leading(v) } else { 0 }, at, line.len());
            if !exact {
                sink.label(if long == "retry-after" { BAD_RETRY } else { BAD_LENGTH }, at, line.len());
            }
        }
        "authorization" | "proxy-authorization" | "www-authenticate" | "proxy-authenticate" | "authentication-info" => {
            credentials(line, colon, field, at, sink)?;
        }
        _ => {
            if sink.wants(field) {
                let secret = secret::is_secret(long);
                sink.utf8(field, &if secret { secret::HIDDEN.into() } else { secret::without_password(v) }, at);
            }
            parts(long, line, v, ends, here, sink)?;
        }
    }
    Some(())
}

/// What stands in the value of some headers.
fn parts(name: &str, line: &[u8], v: &[u8], ends: &[u8], at: usize, sink: &mut Sink) -> Option<()> {
    let one = |fields: &UriFields, sink: &mut Sink| {
        let uri = uri::name_addr(v, 0);
        uri.iter().for_each(|u| display(v, at, u, fields, sink));
        uri
    };
    match name {
        "from" => tag(line, v, at, one(&FROM, sink), FROM_TAG, sink),
        "to" => tag(line, v, at, one(&TO, sink), TO_TAG, sink),
        "p-asserted-identity" => _ = one(&PAI, sink),
        "p-preferred-identity" => _ = one(&PPI, sink),
        "permission-missing" => _ = one(&PMISS, sink),
        "trigger-consent" => {
            if let Some(u) = uri::plain(v, 0) {
                display(v, at, &u, &TC, sink);
                let target = v.windows(12).position(|w| w.eq_ignore_ascii_case(b"target-uri=\"")).map(|i| i + 12);
                if let Some((from, text)) = target.and_then(|from| Some((from, v.get(from..)?))) {
                    let end = text.iter().position(|b| *b == b'"')?;
                    sink.utf8(TC_TARGET, text.get(..end)?, at + from);
                }
            }
        }
        "cseq" => {
            let digits = digits(v);
            if digits < v.len() {
                sink.uint(CSEQ_SEQ, leading(v), at, digits);
            }
            let method = v.get(digits..)?.iter().position(u8::is_ascii_alphabetic)? + digits;
            sink.utf8(CSEQ_METHOD, v.get(method..)?, at + method);
        }
        "rack" => {
            let first = digits(v);
            if first < v.len() {
                sink.uint(RACK_RSEQ, leading(v), at, first);
            }
            let second = first + v.get(first..)?.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            let end = second + digits(v.get(second..)?);
            if end < v.len() {
                sink.uint(RACK_CSEQ, leading(v.get(second..)?), at + second, end - second);
            }
            if let Some(method) = v.get(end..)?.iter().position(u8::is_ascii_alphabetic) {
                sink.utf8(RACK_METHOD, v.get(end + method..)?, at + end + method);
            }
        }
        "contact" => contacts(v, ends, at, sink),
        "route" => routes(v, at, &ROUTE, sink),
        "record-route" => routes(v, at, &RECORD, sink),
        "service-route" => routes(v, at, &SERVICE, sink),
        "path" => routes(v, at, &PATH, sink),
        "via" => via(v, at, sink),
        "reason" => reason(v, at, sink),
        "p-access-network-info" => access(v, at, sink),
        _ => {}
    }
    Some(())
}

fn digits(v: &[u8]) -> usize {
    v.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// The number in front, as C reads it: with a sign, 32 bits.
fn leading(v: &[u8]) -> u64 {
    let (negative, rest) = match v.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, v),
    };
    let number = rest
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .fold(0u64, |n, d| n.saturating_mul(10).saturating_add(u64::from(d - b'0')));
    let number = if negative { number.wrapping_neg() } else { number };
    number & 0xffff_ffff
}

fn display(v: &[u8], at: usize, u: &Uri, fields: &UriFields, sink: &mut Sink) {
    if let Some(name) = u.display.clone().filter(|d| d.len() > 1) {
        for field in [fields[0], DISPLAY_INFO] {
            sink.utf8(field, v.get(name.clone()).unwrap_or_default(), at + name.start);
        }
    }
    if sink.wants(fields[1]) {
        let whole = secret::without_password(v.get(u.whole.clone()).unwrap_or_default());
        sink.utf8(fields[1], &whole, at + u.whole.start);
    }
    uri_parts(v, at, u, fields, sink);
}

fn uri_parts(v: &[u8], at: usize, u: &Uri, fields: &UriFields, sink: &mut Sink) {
    // Of one character Wireshark shows neither user nor port.
    if let Some(user) = u.user.clone().filter(|r| r.len() > 1) {
        let text = v.get(user.clone()).unwrap_or_default();
        match text.iter().position(|b| *b == b':') {
            Some(colon) => {
                let mut masked = text.get(..=colon).unwrap_or_default().to_vec();
                masked.extend_from_slice(secret::HIDDEN.as_bytes());
                sink.utf8(fields[2], &masked, at + user.start);
            }
            None => sink.utf8(fields[2], text, at + user.start),
        }
    }
    if let Some(host) = u.host.clone() {
        sink.utf8(fields[3], v.get(host.clone()).unwrap_or_default(), at + host.start);
    }
    if let Some(port) = u.port.clone().filter(|r| r.len() > 1) {
        sink.utf8(fields[4], v.get(port.clone()).unwrap_or_default(), at + port.start);
    }
    let Some(mut from) = u.params.filter(|_| u.angled) else { return };
    // Ends: every turn goes behind a separator.
    while from < u.end {
        let rest = v.get(from..u.end).unwrap_or_default();
        let (len, next) = match rest.iter().position(|b| matches!(b, b',' | b';')) {
            None => (rest.len(), u.end),
            Some(i) if rest[i] == b',' => (i + 1, from + i + 1),
            Some(i) => {
                let space = rest.get(i + 1..).unwrap_or_default().iter().take_while(|b| matches!(b, b' ' | b'\t'));
                (i, from + i + 1 + space.count())
            }
        };
        sink.utf8(fields[5], rest.get(..len).unwrap_or_default(), at + from);
        from = next;
    }
}

/// The first `tag=` behind the URI; in the whole line where there is none.
fn tag(line: &[u8], v: &[u8], at: usize, uri: Option<Uri>, field: FieldId, sink: &mut Sink) {
    let (text, start) = match uri {
        Some(u) => (v.get(u.end + usize::from(u.angled)..).unwrap_or_default(), at + u.end + usize::from(u.angled)),
        None => (line, at + v.len() - line.len().min(at + v.len())),
    };
    let Some(from) = text.windows(4).position(|w| w == b"tag=").map(|i| i + 4) else { return };
    let rest = text.get(from..).unwrap_or_default();
    let value = rest.split(|b| *b == b';').next().unwrap_or_default();
    sink.utf8(field, value, start + from);
    sink.utf8(TAG, value, start + from);
}

fn contacts(v: &[u8], ends: &[u8], at: usize, sink: &mut Sink) {
    if v.first() == Some(&b'*') {
        return;
    }
    let mut from = 0;
    // Ends: every turn goes behind a comma.
    while let Some(u) = uri::name_addr(v, from) {
        display(v, at, &u, &CONTACT, sink);
        let behind = |from: usize| v.get(from..).unwrap_or_default();
        let mut next = u.end;
        let Some(separator) = behind(next).iter().position(|b| matches!(b, b',' | b';')) else { return };
        next += separator;
        while v.get(next) == Some(&b';') {
            let start = next + 1;
            let mut over = false;
            let first = behind(start).iter().position(|b| matches!(b, b',' | b';' | b'"'));
            next = match first.map(|i| start + i) {
                Some(quote) if v.get(quote) == Some(&b'"') => {
                    let close = behind(quote + 1).iter().position(|b| *b == b'"').map(|i| quote + 1 + i);
                    let end = close.and_then(|c| Some(c + behind(c).iter().position(|b| matches!(b, b',' | b';'))?));
                    over = end.is_none();
                    end.unwrap_or(v.len())
                }
                Some(end) => end,
                None => v.len(),
            };
            let parameter = v.get(start..next).unwrap_or_default();
            match over {
                // Wireshark takes the end of the line for a part of it.
                true => sink.utf8(CONTACT_PARAMETER, &[parameter, ends].concat(), at + start),
                false => sink.utf8(CONTACT_PARAMETER, parameter, at + start),
            }
        }
        if v.get(next) != Some(&b',') {
            return;
        }
        from = next + 1;
    }
}

fn routes(v: &[u8], at: usize, fields: &UriFields, sink: &mut Sink) {
    let mut from = 0;
    for one in v.split(|b| *b == b',') {
        let end = from + one.len();
        let Some(u) = v.get(..end).and_then(|v| uri::name_addr(v, from)) else { return };
        display(v, at, &u, fields, sink);
        from = end + 1;
    }
}

/// RFC 3261 20.42.
fn via(v: &[u8], at: usize, sink: &mut Sink) {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t');
    let skip = |from: usize| from + v.get(from..).unwrap_or_default().iter().take_while(|b| is_space(b)).count();
    let mut from = skip(0);
    // Ends: every turn goes behind a transport, or to the end.
    while from < v.len() {
        let (mut slashes, mut name, mut i) = (0, None, from);
        while let Some(&b) = v.get(i) {
            match (b, name) {
                (b'/', _) => slashes += 1,
                (b, None) if slashes == 2 && b.is_ascii_alphabetic() => name = Some(i),
                (b' ' | b'\t', Some(start)) => {
                    sink.utf8(VIA_TRANSPORT, v.get(start..i).unwrap_or_default(), at + start);
                    break;
                }
                _ => {}
            }
            i += 1;
        }
        let start = skip(i);
        let (mut bracket, mut v6, mut i) = (false, false, start);
        while let Some(&b) = v.get(i) {
            match b {
                b'[' => (bracket, v6) = (true, true),
                b']' => bracket = false,
                b' ' | b'\t' | b';' => break,
                b':' if !bracket => break,
                _ => {}
            }
            i += 1;
        }
        let sent_by = if v6 { v.get(start + 1..i.saturating_sub(1)) } else { v.get(start..i) };
        sink.utf8(VIA_ADDRESS, sent_by.unwrap_or_default(), at + start);
        i = skip(i);
        if v.get(i) == Some(&b':') {
            let port = skip(i + 1);
            let digits = digits(v.get(port..).unwrap_or_default());
            i = port + digits;
            if i < v.len() {
                if digits == 0 {
                    return;
                }
                let number = leading(v.get(port..i).unwrap_or_default());
                sink.uint(VIA_PORT, number.min(u64::from(u16::MAX)), at + port, digits);
            }
        }
        i = skip(i);
        while v.get(i) == Some(&b';') {
            let start = i + 1;
            let rest = v.get(start..).unwrap_or_default();
            let name = rest.iter().take_while(|b| b.is_ascii_alphabetic() || **b == b'-').count();
            let len = rest.iter().position(|b| matches!(b, b' ' | b'\t' | b';' | b',')).unwrap_or(rest.len());
            let (name, all) = (rest.get(..name).unwrap_or_default(), rest.get(..len).unwrap_or_default());
            if let Some((_, field)) = VIA_PARAMETERS.iter().find(|p| p.0.eq_ignore_ascii_case(name)) {
                let value = all.get(name.len()..).and_then(|v| v.strip_prefix(b"="));
                sink.utf8(*field, value.unwrap_or(all), at + start + all.len() - value.unwrap_or(all).len());
            }
            i = skip(start + len);
        }
        // Whatever else follows Wireshark takes for another one.
        from = skip(if v.get(i) == Some(&b',') { i + 1 } else { i });
    }
}

/// RFC 3326.
fn reason(v: &[u8], at: usize, sink: &mut Sink) {
    let Some((protocol, rest)) = start::cut(v, b';') else { return };
    sink.utf8(REASON_PROTOCOL, protocol, at);
    let field = match protocol {
        p if p.eq_ignore_ascii_case(b"Q.850") => REASON_Q850,
        p if p.eq_ignore_ascii_case(b"SIP") => REASON_SIP,
        _ => REASON_OTHER,
    };
    if let Some((name, cause)) = start::cut(rest, b'=') {
        sink.uint(field, leading(cause), at + protocol.len() + name.len() + 2, digits(cause));
    }
    let text = rest.windows(6).position(|w| w.eq_ignore_ascii_case(b"text=\"")).map(|i| i + 6);
    if let Some((from, text)) = text.and_then(|i| Some((i, rest.get(i..)?)))
        && let Some((text, _)) = start::cut(text, b'"')
    {
        sink.utf8(REASON_TEXT, text, at + protocol.len() + 1 + from);
    }
}

/// RFC 7315 4.4.
fn access(v: &[u8], at: usize, sink: &mut Sink) {
    let mut from = 0;
    for (i, part) in v.split(|b| *b == b';').enumerate() {
        let trimmed = part.trim_ascii_start();
        let here = at + from + part.len() - trimmed.len();
        const CELL: &[u8] = b"utran-cell-id-3gpp=";
        if i == 0 {
            sink.utf8(ACCESS_TYPE, trimmed, here);
        } else if trimmed.get(..CELL.len()).is_some_and(|name| name.eq_ignore_ascii_case(CELL)) {
            sink.utf8(ACCESS_CELL, trimmed.get(CELL.len()..).unwrap_or_default(), here + CELL.len());
        }
        from += part.len() + 1;
    }
}

/// RFC 3261 20.7 and 25.1.
fn credentials(line: &[u8], colon: usize, field: FieldId, at: usize, sink: &mut Sink) -> Option<()> {
    let value = line.get(colon + 1..)?.trim_ascii_start();
    let from = line.len() - value.len();
    if sink.wants(field) || sink.wants(AUTH) {
        let name = line.get(..colon)?;
        let told = secret::header_text(&Header::new(name, value));
        sink.utf8(field, told.as_bytes(), at);
        sink.utf8(AUTH, format!("{}: {told}", String::from_utf8_lossy(name)).as_bytes(), at);
    }
    let mut rest = from;
    if field != H_AUTHENTICATION_INFO {
        let scheme = value.iter().position(|b| b.is_ascii_whitespace())?;
        sink.utf8(AUTH_SCHEME, value.get(..scheme)?, at + from);
        rest += scheme;
    }
    // Ends: every turn goes behind a comma.
    while rest < line.len() {
        let skipped = line.get(rest..)?.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count();
        let start = rest + skipped;
        let text = line.get(start..)?;
        let Some(equals) = text.iter().position(|b| *b == b'=') else { return Some(()) };
        let first = text.get(equals..)?.iter().position(|b| matches!(b, b',' | b'"')).map(|i| equals + i);
        let end = match first {
            Some(quote) if text.get(quote) == Some(&b'"') => {
                let close = text.get(quote + 1..)?.iter().position(|b| *b == b'"').map(|i| quote + 1 + i);
                close.and_then(|c| Some(c + text.get(c..)?.iter().position(|b| *b == b',')?)).unwrap_or(text.len())
            }
            Some(comma) => comma,
            None => text.len(),
        };
        let name = text.get(..equals)?.trim_ascii_end();
        if let Some((_, field)) = AUTH_PARAMETERS.iter().find(|p| p.0.eq_ignore_ascii_case(name)) {
            sink.utf8(*field, &secret::without_password(text.get(equals + 1..end)?), at + start + equals + 1);
        }
        rest = start + end + 1;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_in_order() {
        assert!(HEADERS.is_sorted_by_key(|h| h.0));
    }

    #[test]
    fn numbers_as_c_reads_them() {
        assert_eq!((leading(b"10 x"), leading(b""), leading(b"-1")), (10, 0, 0xffff_ffff));
    }
}
