"""Writes suites.rs: cipher suites by number, from the list that the crate tls-parser keeps of IANA's registry.

    python make_suites.py tls-parser/scripts/tls-ciphersuites.txt > suites.rs
"""

import sys

# In the registry since that list was made, or in use beside it.
MORE = {
    0x00C6: "TLS_SM4_GCM_SM3",
    0x00C7: "TLS_SM4_CCM_SM3",
    0xC100: "TLS_GOSTR341112_256_WITH_KUZNYECHIK_CTR_OMAC",
    0xC101: "TLS_GOSTR341112_256_WITH_MAGMA_CTR_OMAC",
    0xC102: "TLS_GOSTR341112_256_WITH_28147_CNT_IMIT",
    0xC103: "TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_L",
    0xC104: "TLS_GOSTR341112_256_WITH_MAGMA_MGM_L",
    0xC105: "TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_S",
    0xC106: "TLS_GOSTR341112_256_WITH_MAGMA_MGM_S",
    0x1306: "TLS_AEGIS_256_SHA512",
    0x1307: "TLS_AEGIS_128L_SHA256",
}

names = dict(MORE)
with open(sys.argv[1], encoding="ascii") as lines:
    for line in lines:
        number, name = line.split(":")[:2]
        names[int(number, 16)] = name
print("//! Cipher suites of IANA's registry by number. Made by make_suites.py; not edited by hand.\n")
print("#[rustfmt::skip]\npub static SUITES: &[(u16, &str)] = &[")
for number, name in sorted(names.items()):
    print(f'    (0x{number:04x}, "{name}"),')
print("];")
