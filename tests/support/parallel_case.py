"""A small artificial language that can be learned from a few sentences."""

import random

WORDS = {
    "the": "la", "a": "un", "dog": "hundo", "cat": "kato", "bird": "birdo", "man": "viro", "woman": "virino",
    "sees": "vidas", "loves": "amas", "hears": "auxdas", "red": "rugxa", "small": "eta", "old": "maljuna",
    "near": "apud", "tree": "arbo", "house": "domo", "Does": "Cxu", ".": ".", "?": "?",
}  # fmt: skip


def make_pairs(count=160, seed=0):
    """Distinct sentences and their word-by-word translations."""
    generator = random.Random(seed)
    pairs = {}
    while len(pairs) < count:
        things = ["dog", "cat", "bird", "man", "woman"]
        first, second = generator.sample(things, 2)
        adjective = generator.choice(["red", "small", "old"])
        words = ["the", adjective, first, generator.choice(["sees", "loves", "hears"]), "a", second]
        if generator.random() < 0.5:
            words += ["near", "the", generator.choice(["tree", "house"])]
        words = ["Does", *words, "?"] if generator.random() < 0.3 else [*words, "."]
        target = " ".join(WORDS[word] for word in words).replace(" .", ".").replace(" ?", "?")
        pairs[" ".join(words).replace(" .", ".").replace(" ?", "?")] = target
    return list(pairs.items())


def write_pairs(path, pairs):
    """Write a table without a header."""
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8")
    return path


SMALL_MODEL = (
    "text.source.units=bpe text.source.vocabulary_size=60 text.target.vocabulary_size=60 "
    "model.embedding_dimension=24 model.encoder_units=24 model.decoder_units=24 "
    "model.embedding_dropout=0.0 model.recurrent_dropout=0.0 model.memory_dropout=0.0 "
    "model.output_dropout=0.0 model.word_dropout=0.0 train.tokens_per_batch=192 "
    "train.learning_rate=0.02 train.buckets=2 train.epochs=10 train.weight_average=null search.beam=3"
)
