"""What a page may send: texts that try to break it, and values that no setting allows."""

HOSTILE = [
    "옛날 옛적에",
    "🦊🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f 👩‍👩‍👧",
    "a\u202eb\u2066 c",
    "\x00\x1b[31m",
    "\ud83e and \udd8a",
    "",
    "<img src=x onerror=alert(1)> {label} {chance}",
    "fox " * 1500,
    "<|endoftext|>The end",
    "é ﷽ ß",
    "\u110b\u1167\u11ba\u1102\u1161\u11af e\u0301",  # letters in parts: 옛날 é
]
WRONG = [None, True, "", "abc", [1], {"a": [2]}, -1, 0, 0.5, 2.5, 1e300, 2**70, -(10**25), 'it\'s "so"\n']
