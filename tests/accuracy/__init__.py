"""Our numbers beside Wireshark's.

    python -m tests.accuracy facts FILE                 our facts about FILE, as JSON
    python -m tests.accuracy CAPTURES TRUTH             compared with truth files, figures per group

A truth file is what tshark and capinfos say about one capture: a JSON document with groups (capinfos, frames,
protocols, conversations, tcp ...); a fact is one scalar in it. See docs/accuracy.md.
"""
