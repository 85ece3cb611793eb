"""Hats as hand-set pixels, 24 wide from sprite row 0. `c` cloth, `C` its light, `b` its shade, `a` trimming, `g` gem.

`BRIM` is the first row on which hair still shows below the hat.
"""

HATS: dict[str, tuple[str, ...]] = {
    "cap": (
        "........................",
        "........................",
        ".........cccccc.........",
        ".......CCCcccccbb.......",
        "......CCCccccccccb......",
        "......CCcccccccccb......",
        "......CccccccccccbCCC...",
        "......bbbbbbbbbbbbbbbb..",
    ),
    "beanie": (
        "..........aaa...........",
        "..........aaa...........",
        "........cCcccccc........",
        "......CCcccccccccb......",
        ".....CCccccccccccbb.....",
        ".....CcccccccccccbB.....",
        ".....aAaAaAaAaAaAaA.....",
        ".....aAaAaAaAaAaAaA.....",
        ".....bbbbbbbbbbbbbb.....",
    ),
    "top hat": (
        ".......CCccccccbb.......",
        ".......CCccccccbb.......",
        ".......CCccccccbb.......",
        ".......CCccccccbb.......",
        ".......aaaaaaaaaa.......",
        ".......CCccccccbb.......",
        "....CCCcccccccccccbb....",
        "....bbbbbbbbbbbbbbbb....",
    ),
    "bandana": (
        "........................",
        "........................",
        "........................",
        "........CCcccccc........",
        "......CCcacccaccbb......",
        ".....CCccccacccccbb.....",
        ".....Ccacccccaccccb.....",
        ".....cccbbbbbbbcccb.....",
        "...cc.bb................",
        "..cbcb..................",
        "...bb.b.................",
    ),
    "headband": (
        "........................",
        "........................",
        "........................",
        "........................",
        "........................",
        "........................",
        "......CCCcccccccbb......",
        "......Ccccccccccbb......",
    ),
    "cowboy hat": (
        "........................",
        "........CCc.ccc.........",
        ".......CCccccccbb.......",
        ".......CCccccccbb.......",
        "..c....CcccccccbB....c..",
        "..CC...aaaaaaaaaa...bb..",
        "...CCCccccccccccccbbb...",
        "....bbbbbbbbbbbbbbbb....",
    ),
    "crown": (
        "........................",
        "......C...C..C...C......",
        "......C..CC..CC..c......",
        "......CC.CccccC.cb......",
        "......CcgccGGccgcb......",
        "......CcccccccccBb......",
        "......bbbbbbbbbbbb......",
    ),
}

BRIM: dict[str, int] = {name: len(rows) for name, rows in HATS.items()} | {"bandana": 8, "headband": 0}
