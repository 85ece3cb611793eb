"""Heads, features and shoulders as hand-set pixels, 24 wide; each map names the sprite row it begins on.

Letters: `s` skin, `S` its light, `d` its shade, `D` its deepest shade; `c` cloth, `C` its light, `b` its shade,
`a` the second cloth colour; `w` white of the eye, `i` iris, `v` brow, `l` lash or line,
`G` glint, `m` mouth, `h` hair, `k` its shade.
"""

Map = tuple[int, tuple[str, ...]]

HEAD: dict[str, Map] = {
    "lad": (
        4,
        (
            ".........SSssss.........",
            "........SSSsssss........",
            ".......SSssssssss.......",
            ".......Sssssssssd.......",
            ".......ssssssssss.......",
            ".......ssssssssss.......",
            ".......ssssssssss.......",
            ".....sssssssssssd.......",
            ".....sdsssssssssd.......",
            ".....ddssssssssss.......",
            "......dssssssssss.......",
            ".......ssssssssss.......",
            ".......dssssssssd.......",
            "........dsssssss........",
            "........ddssssd.........",
            ".........DDDDD..........",
            ".........dDDDD..........",
            ".........dssdd..........",
        ),
    ),
    "lady": (
        4,
        (
            ".........SSssss.........",
            "........SSSsssss........",
            ".......SSssssssss.......",
            ".......Sssssssssd.......",
            ".......ssssssssss.......",
            ".......ssssssssss.......",
            ".......ssssssssss.......",
            "......ssssssssssd.......",
            "......sdsssssssss.......",
            "......ddsssssssss.......",
            ".......dsssssssss.......",
            ".......sssssssss........",
            "........ssssssss........",
            "........ddsssssd........",
            ".........ddsssd.........",
            "..........DDDD..........",
            "..........dDDD..........",
            ".........ddssd..........",
        ),
    ),
}

EYES: dict[str, Map] = {
    "lad": (
        9,
        (
            "........vvv...vv........",
            "........................",
            ".........li...li........",
            ".........wi...wi........",
        ),
    ),
    "lady": (
        9,
        (
            "........vv....vv........",
            "........................",
            "........lll..lll........",
            ".........wi...wi........",
        ),
    ),
}

NOSE: Map = (
    12,
    (
        "............S...........",
        "............Sd..........",
        "............dd..........",
    ),
)

MOUTHS: dict[str, Map] = {
    "": (16, ("..........mmmm..........",)),
    "smiling": (15, (".........m....m.........", "..........mwwm..........")),
    "frowning": (16, ("..........mmmm..........", ".........m..............")),
}

FRECKLES: Map = (
    13,
    (
        "........d......d........",
        ".........d....d.........",
    ),
)

BEARDS: dict[str, Map] = {
    "beard": (
        12,
        (
            ".......k................",
            ".......h................",
            ".......hk.......k.......",
            ".......hhhhhhhhhh.......",
            ".......hhh....hhk.......",
            ".......hhhhhhhhhk.......",
            "........hhhhhhkk........",
            ".........hhhkkk.........",
        ),
    ),
    "goatee": (
        17,
        (
            "..........hhhk..........",
            "..........hhhk..........",
            "...........hk...........",
        ),
    ),
    "mustache": (
        15,
        (
            ".........hhhhhh.........",
            "........hh....hk........",
        ),
    ),
    "stubble": (
        14,
        (
            ".......d........d.......",
            ".......dd.dddd.dd.......",
            ".......ddd....dd........",
            "........dddddddd........",
            ".........dddddd.........",
        ),
    ),
}

GLASSES: dict[str, Map] = {
    "sunglasses": (
        10,
        (
            ".......llllllllll.......",
            "......lllGllllGll.......",
            "........llll.llll.......",
            ".........ll...ll........",
        ),
    ),
    "glasses": (
        10,
        (
            "........llll.llll.......",
            ".......ll..lll..l.......",
            "........l..l.l..l.......",
            "........llll.llll.......",
        ),
    ),
    "round glasses": (
        10,
        (
            ".........ll...ll........",
            ".......ll..lll..l.......",
            "........l..l.l..l.......",
            ".........ll...ll........",
        ),
    ),
    "eyepatch": (
        8,
        (
            ".......l................",
            "........ll..............",
            "..........lll...........",
            "............lllll.......",
            ".............llll.......",
            ".............lll........",
        ),
    ),
}

SHIRTS: dict[str, Map] = {
    "shirt": (
        20,
        (
            "......cc......cc........",
            "....CCccc....ccccb......",
            "...CCccccccccccccbb.....",
            "...Ccccccccccccccbb.....",
        ),
    ),
    "striped shirt": (
        20,
        (
            "......aa......aa........",
            "....Cccccc..cccccb......",
            "...aaaaaaaaaaaaaaaa.....",
            "...Ccccccccccccccbb.....",
        ),
    ),
    "hoodie": (
        19,
        (
            ".....ccc......ccb.......",
            "....CCccb....bccbb......",
            "...CCcccbbbbbbcccbb.....",
            "..CCccccbabbabcccbbb....",
            "..CccccccaccaccccbbB....",
        ),
    ),
    "jacket": (
        20,
        (
            "......ccC....Ccc........",
            "....CCccbC..Cbcccb......",
            "...CCccccbaabccccbb.....",
            "...Cccccccbabccccbb.....",
        ),
    ),
    "suit": (
        20,
        (
            "......cca....acc........",
            "....CCcccaaaacccbb......",
            "...CCccccbalabcccbb.....",
            "...Cccccccblbccccbb.....",
        ),
    ),
    "tank top": (
        20,
        (
            "......ssd....dss........",
            "....SScC......cbsd......",
            "...SssccCddddccbsdd.....",
            "...SssccccccccbbsdD.....",
        ),
    ),
}
