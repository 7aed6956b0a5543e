//! Records that others sealed: those of RFC 8448, and of sessions that OpenSSL 3.0 played.

use super::*;
use crate::app::tls::secrets::derive::key_block;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn sealed(record: &[u8]) -> Sealed<'_> {
    Sealed { kind: record[0], version: u16::from_be_bytes([record[1], record[2]]), body: &record[5..] }
}

/// RFC 8448 section 3: what the client and the server send behind the handshake.
#[test]
fn records_of_rfc_8448() {
    let suite = Suite::of(0x1301, 0x0304).unwrap();
    let secret = hex("9e 40 64 6c e7 9a 7f 9d c0 5a f8 88 9b ce 65 52 87 5a fa 0b 06 df 00 87 f7 92 eb b7 c1 75 04 a5");
    let data = hex(
        "17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f 2b 98 19 a8 a5
         b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 15 e4",
    );
    let alert = hex("17 03 03 00 13 c9 87 27 60 65 56 66 b7 4d 7f f1 15 3e fd 6d b6 d0 b0 e3");
    let mut client = Opener::of_secret(suite, &secret).unwrap();
    // Not in its turn, and changed: nothing comes out.
    assert!(client.open_tls13(&sealed(&alert)).is_none());
    let mut changed = data.clone();
    changed[20] ^= 1;
    assert!(client.open_tls13(&sealed(&changed)).is_none());
    assert_eq!(client.open_tls13(&sealed(&data)), Some((23, (0..50).collect())));
    assert_eq!(client.open_tls13(&sealed(&alert)), Some((21, vec![1, 0])));
    // A secret of the wrong length for the suite.
    assert!(Opener::of_secret(suite, &[0; 48]).is_none());
    assert!(Opener::of_secret(Suite::of(0x1302, 0x0304).unwrap(), &secret).is_none());
}

/// A session of TLS 1.0 to 1.2: the client's Finished, and then "pcapstream".
struct Known {
    name: &'static str,
    version: u16,
    suite: u16,
    encrypt_then_mac: bool,
    client_random: &'static str,
    server_random: &'static str,
    master: &'static str,
    records: &'static [&'static str],
}

impl Known {
    fn opener(&self) -> Opener {
        let suite = Suite::of(self.suite, self.version).unwrap();
        let (mac, key, iv) = suite.lengths(self.version);
        let (client, server) = (hex(self.client_random), hex(self.server_random));
        let block = key_block(suite.hash, &hex(self.master), &client, &server, 2 * (mac + key + iv)).unwrap();
        Opener::of_key_block(suite, self.version, &block, false, self.encrypt_then_mac).unwrap()
    }

    fn records(&self) -> Vec<Vec<u8>> {
        self.records.iter().map(|r| hex(r)).collect()
    }
}

#[test]
fn sessions_of_openssl() {
    for known in KNOWN {
        let (mut opener, mut data) = (known.opener(), Vec::new());
        for (i, record) in known.records().iter().enumerate() {
            let text = opener.open(&sealed(record)).unwrap_or_else(|| panic!("{} {i}", known.name));
            if i == 0 {
                // A Finished of 12 bytes (RFC 5246 7.4.9).
                assert_eq!((record[0], text.len(), &text[..4]), (22, 16, &[20, 0, 0, 12][..]), "{}", known.name);
            } else {
                assert_eq!(record[0], 23);
                data.extend(text);
            }
        }
        assert_eq!(data, b"pcapstream", "{}", known.name);
    }
}

#[test]
fn nothing_comes_out_of_what_was_changed_cut_or_skipped() {
    for known in KNOWN {
        let records = known.records();
        let finished = &records[0];
        for i in (0..finished.len()).filter(|i| !(3..5).contains(i)) {
            let mut changed = finished.clone();
            changed[i] ^= 0x10;
            assert!(known.opener().open(&sealed(&changed)).is_none(), "{} {i}", known.name);
        }
        for end in 5..finished.len() {
            assert!(known.opener().open(&sealed(&finished[..end])).is_none(), "{} {end}", known.name);
        }
        assert!(known.opener().open(&sealed(&records[1])).is_none(), "{}", known.name);
    }
}

#[rustfmt::skip]
const KNOWN: &[Known] = &[
    Known {
        name: "AES-128-GCM",
        version: 0x0303,
        suite: 0xc02b,
        encrypt_then_mac: false,
        client_random: "a36d6617fd33219b98d0f50e574ffdab2e11e9ebfd11875a7d7d615217a90795",
        server_random: "1a70d32614316ef6da55a5bcb113d314024192d176477f7576a380f143d78efd",
        master: "134951b57566dfc9194817aacfe4e100c764cfd7e47927089701ea1b4e253ca58158de74c5bb56800f0014db90c684ba",
        records: &[
            "1603030028c6327f40eb00f22cadb9269d650070cfa387c7705bd0decef2d30b625ef7d3b135016cceadb76175",
            "1703030022c6327f40eb00f22d3db8183a2b8205ce2b5f4323d3520eb10f7d565bc06972836e0d",
        ],
    },
    Known {
        name: "AES-256-GCM, SHA-384",
        version: 0x0303,
        suite: 0xc02c,
        encrypt_then_mac: false,
        client_random: "a7885c29439db0f83d4f890e97f5f98d7adfd9222eb87d7ee290035690202100",
        server_random: "6205c930cd2ba3bdb1b0f98c0ff4adf04355af303a66649c8eb6e4f0dec42bd6",
        master: "0f36a1df567599047c4707a02b5c3bd2ba4d6ba464ce56fc650f9ab50f2bfaad6e6ab4e24f2da6307f5e559bf1f2d581",
        records: &[
            "1603030028e00cb4c85bae08cf64a5da1c85ceb3c5b08341255d3127dbff286566f8d4c4be1dc11a54e5bc1ed9",
            "1703030022e00cb4c85bae08d059378535df6480f1e9af6dca8145df7dc93ca906e7865c401bec",
        ],
    },
    Known {
        name: "ChaCha20-Poly1305",
        version: 0x0303,
        suite: 0xcca9,
        encrypt_then_mac: false,
        client_random: "2f21e73b9817ff482cf26795e65f623bce3f08f9b83f52eb6054489ef2a4a63a",
        server_random: "78287e2be017436e1b55e6e059a1c34d0d11463f0fb93eaa663442b2bf61294c",
        master: "2d5f4b2a9c2d66dcfcaa21d74d0263fbd694b9ed89d3cad3a3296a4b116a2f3ac9e91688db93a5afc93daa3358da6034",
        records: &[
            "1603030020e9bab8bcecf192d23f34880f89671f486e55b3230e73f472b4976813f912f523",
            "170303001a9d1c84ece16c9db4fd04dfcc35427d54c704b7cb6cfdcef29b5b",
        ],
    },
    Known {
        name: "AES-128-CBC, MAC then encrypted",
        version: 0x0303,
        suite: 0xc009,
        encrypt_then_mac: false,
        client_random: "9a6c97a59888861f509e844072cbc8d1c93dbcf2a5d56ec9559b1121cf875525",
        server_random: "7d11ff7803664ebdd8b1e3446ea5ef0dec6552df41733d6a2bd2295e4cd0e2ee",
        master: "a64f276ff2f732db243c558b053fd56c07b793a2ad234892c5dd9dd82144b42bbeee19c3726baac402fd30fcaf2fcff2",
        records: &[
            "1603030040ed6c96fdafcbfdde2142a2c671171f7efa87ea6cb47450c8bf2fe7ec2a5e0ded6b755932128b34627fcf4d0e6dc249d62924d1343fcb98d3e7d4c359de370850",
            "1703030030d22f502c41aee2ce8a703f5d42fd6291077cc2f910629a9db17a22c7829381d7b1befcc565c1005ab32d26beda6145b3",
        ],
    },
    Known {
        name: "AES-256-CBC, encrypted then MAC, SHA-384",
        version: 0x0303,
        suite: 0xc024,
        encrypt_then_mac: true,
        client_random: "9a24fcfcd67f01cea5b4fc3409b1708faabefcf007233665bce3a5fecae67d85",
        server_random: "0d064d84e968dd22104012cdd9088c1e2cb42e81283f6715a3ad8a5afcf40513",
        master: "ab3c011cd0369e9199d7a6abfcf21cb2b8ef529616e67ed2daa49115c5e14f5a21998afc6ef918975d2cabc0647e0edd",
        records: &[
            "16030300607182209d12690a9399d27acb6e0fdadfab8dafa1d465e1080573bc361aa1f0b37514b1145114f78a18149a5d31685370a5923490408f49429c9cf9520c466654c8211e45b5f4e55ef64b05f2756ff2885558b3d8dee1ad0aef83d49cf375d98b",
            "170303005080087edd2d383ea8bf27be84f75d93b9a87c52f7e85829a55f8ff6282fa0a7b5ef6306d19993e1f1faf9ff7484a69b82015cc9a2d561f4ce7ffb195400ad432a6a213e1edcc19643f7e40883b57883d3",
        ],
    },
    Known {
        name: "TLS 1.1, AES-128-CBC",
        version: 0x0302,
        suite: 0xc009,
        encrypt_then_mac: false,
        client_random: "fcd1721bb33832ca2f7a5fe5fa07947c5dd1f868dad5c058a8f5c6047feed4b1",
        server_random: "ae12bd893e145095509a5107efc3879c65cbc4601145cfe260e541d8971731e8",
        master: "77933c80a83b42841be3d5fb0d12519ae816a1c0ea6351a60b3386274894ae1a1f0e32c0c82c1ef2fa35dd0608c4b7a6",
        records: &[
            "160302004003bfa7ec1acc924304a4eab41c4f4fb513917cd74176f2701823123cc6560f1e1016d5f95ab8f147b41fb95566342ff03862096ed0989bda69782557c030cf7f",
            "1703020030cae410662c4f2001ed5e6097bfa869a89aca38e3ac50938e74b987d422480567bdea700d500d7a2bbddba4b07ad3f4fc",
        ],
    },
    Known {
        name: "TLS 1.0, AES-256-CBC, encrypted then MAC",
        version: 0x0301,
        suite: 0xc00a,
        encrypt_then_mac: true,
        client_random: "693d8c90e2bcf8447434d2c799d91f6325666d98770a5b2eee5051acf3a19849",
        server_random: "dc770b95864441f4a4ac11058005d02b4e78ff128cb28d6662c60be611ef243e",
        master: "11197e032eb41362f38d21be21c56f8004a45f9976c8145602b63462323b4c4ef10ce7543f724df4f4ccd49db57dacc5",
        records: &[
            "1603010034c25ab478f303c0ebeb7b898bbce1c566bc466d7bf40801e1b976b1ea0f2294a93bd900183b2103aea9bf4720d785c76406546ad9",
            "17030100241fe65c5d35a79ff267a28abde14e73c12a048387373f1ac2f4a9f73bd305f33f622ecc42",
            "1703010024335462fb85719f7f615a418b0f3aaaae05d4cb44a8691d37dec5a43b8554562b9b515d1d",
        ],
    },
];
