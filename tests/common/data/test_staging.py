import tracemalloc
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.data.staging import SPLITS, RawExample, StagingTable
from common.data.tables.rows import read_rows
from common.errors import UserError

TENTHS = {"validation": 0.1, "test": 0.1}


def example(text, label="a", split=None, group=None, origin="t.csv:1"):
    return RawExample({"text": text, "label": label}, text, origin, split, group, label)


def stage(examples, fractions=TENTHS, seed=0):
    """Return the features by split, in order, and the report."""
    with StagingTable() as table:
        for one in examples:
            table.add(one)
        table.assign_splits(fractions, seed)
        return {split: list(table.examples(split)) for split in SPLITS}, table.report


def texts_of(splits):
    return {split: [features["text"] for features in rows] for split, rows in splits.items()}


few_texts = st.text("abc \t", max_size=3)
labels = st.sampled_from(["a", "b", "c"])
unassigned = st.lists(st.builds(example, few_texts, labels), min_size=1, max_size=60)
official = st.lists(st.builds(example, few_texts, labels, st.sampled_from(SPLITS)), min_size=1, max_size=60)
grouped = st.lists(
    st.builds(example, st.text("abcdef", max_size=4), labels, st.none(), st.sampled_from("ABCDEFGH")),
    min_size=1,
)
fractions = st.fixed_dictionaries(
    {"validation": st.sampled_from([0.1, 0.25, 0.4]), "test": st.sampled_from([0.1, 0.3])}
)


def normal(text):
    return " ".join(text.split()).casefold()


@settings(max_examples=80, deadline=None)
@given(examples=unassigned, fractions=fractions, seed=st.integers(0, 5))
def test_unassigned_examples_are_distinct_and_split_exactly(examples, fractions, seed):
    splits, report = stage(examples, fractions, seed)
    first = {}
    for one in examples:
        first.setdefault(normal(one.duplicate_key), one)
    kept = [row for rows in splits.values() for row in rows]
    # Each distinct text is in exactly one split: the first of its kind, unchanged.
    assert Counter(map(str, kept)) == Counter(str(one.features) for one in first.values())
    assert report.duplicates_dropped == len(examples) - len(first)
    assert sum(report.counts.values()) == len(first)
    sizes = Counter(one.stratum for one in first.values())
    for label, size in sizes.items():
        found = {split: sum(row["label"] == label for row in splits[split]) for split in SPLITS}
        if size >= 3:
            assert min(found.values()) >= 1
        if size >= 20:
            for split, fraction in fractions.items():
                assert found[split] == int(size * fraction + 0.5)
        assert found["train"] >= 1


@settings(max_examples=80, deadline=None)
@given(examples=official)
def test_duplicates_never_straddle_official_splits(examples):
    splits, report = stage(examples)
    keys = {split: [normal(text) for text in texts] for split, texts in texts_of(splits).items()}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not set(keys[one]) & set(keys[other])
    for split in ("train", "validation"):
        assert len(keys[split]) == len(set(keys[split]))
    if any(one.split == "test" for one in examples):
        # An official test split is scored whole.
        given_test = Counter(one.features["text"] for one in examples if one.split == "test")
        assert Counter(texts_of(splits)["test"]) == given_test
    assert report.duplicates_dropped == len(examples) - sum(report.counts.values())


@settings(max_examples=80, deadline=None)
@given(examples=grouped, fractions=fractions, seed=st.integers(0, 5))
def test_groups_are_never_split(examples, fractions, seed):
    first = {}
    for one in examples:
        first.setdefault(normal(one.duplicate_key), one.group)
    splits, _ = stage(examples, fractions, seed)
    homes = defaultdict(set)
    for split, texts in texts_of(splits).items():
        for text in texts:
            homes[first[normal(text)]].add(split)
    assert all(len(home) == 1 for home in homes.values())
    assert len(homes) == len(set(first.values()))


@settings(max_examples=40, deadline=None)
@given(examples=unassigned, seed=st.integers(0, 5), data=st.data())
def test_splits_and_order_depend_on_content_and_seed_alone(examples, seed, data):
    distinct = list({normal(one.duplicate_key): one for one in examples}.values())
    shuffled = data.draw(st.permutations(distinct))
    assert stage(distinct, seed=seed)[0] == stage(shuffled, seed=seed)[0]


def test_another_seed_gives_other_splits_and_another_order():
    examples = [example(f"text {number}", "ab"[number % 2]) for number in range(200)]
    first, second = stage(examples, seed=0)[0], stage(examples, seed=1)[0]
    assert {str(row) for row in first["test"]} != {str(row) for row in second["test"]}
    order = [row["text"] for row in first["train"]]
    assert order != sorted(order)
    assert order != [one.features["text"] for one in examples if one.features in first["train"]]


def test_groups_fill_the_fractions_and_every_split_has_every_label():
    examples = [example(f"text {n}", "ab"[n % 10 == 0], group=f"film {n // 5}") for n in range(1000)]
    splits, report = stage(examples)
    assert report.counts["validation"] == pytest.approx(100, abs=5)
    assert report.counts["test"] == pytest.approx(100, abs=5)
    assert all({row["label"] for row in rows} == {"a", "b"} for rows in splits.values())


def test_the_most_protected_copy_wins_and_conflicts_are_counted():
    splits, report = stage(
        [
            example("Both  here", "a", "train"),
            example("both here", "b", "test"),
            example("BOTH HERE", "a", "test"),
            example("in two", "a", "train"),
            example("in two", "a", "validation"),
            example("twice", "a", "train"),
            example("twice ", "b", "train"),
        ]
    )
    texts = texts_of(splits)
    assert texts["train"] == ["twice"]
    assert texts["validation"] == ["in two"]
    assert sorted(texts["test"]) == ["BOTH HERE", "both here"]
    assert report.duplicates_dropped == 3
    assert report.duplicates_across_splits == 2
    assert report.conflicting_duplicates == 2


@pytest.mark.parametrize(("missing", "there"), [("validation", "test"), ("test", "validation")])
def test_a_missing_split_is_cut_from_train(missing, there):
    examples = [example(f"text {n}", "ab"[n % 2], "train") for n in range(100)]
    examples += [example(f"other {n}", "a", there) for n in range(7)]
    splits, report = stage(examples)
    assert report.counts == {"train": 90, missing: 10, there: 7}
    assert Counter(row["label"] for row in splits[missing]) == {"a": 5, "b": 5}


def test_strata_say_where_a_label_was_first_read():
    with StagingTable() as table:
        table.add(example("one", "a", "train", origin="t.csv:2"))
        table.add(example("two", "a", "train", origin="t.csv:3"))
        table.add(example("three", "b", "test", origin="u.csv:9"))
        table.assign_splits({}, 0)
        strata = {(one.split, one.name): (one.count, one.first_origin) for one in table.strata()}
    assert strata == {("train", "a"): (2, "t.csv:2"), ("test", "b"): (1, "u.csv:9")}


def test_fractions_have_to_leave_something_to_train_on():
    with pytest.raises(UserError, match="leave nothing to train on: set fractions with a sum below 1"):
        stage([example("one")], {"validation": 0.5, "test": 0.5})


def test_the_file_is_removed_at_the_end_and_on_errors(tmp_path):
    with pytest.raises(RuntimeError), StagingTable(tmp_path) as table:
        table.add(example("one"))
        assert list(tmp_path.iterdir())
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_features_survive_unchanged():
    text = 'null \0 bell \a emoji \U0001f600 "quoted", back\\slash\r\n\ttab \u2028 end '
    splits, _ = stage([example(text)])
    assert splits["train"] == [{"text": text, "label": "a"}]


def peak_of_staging(folder, megabytes):
    path = folder / f"{megabytes}.csv"
    with path.open("w") as file:
        file.write("text,label\n")
        for number in range(megabytes * 1000):
            file.write(f"{number} {'word ' * 198},{number % 2}\n")
    tracemalloc.start()
    with StagingTable(folder) as table:
        for row in read_rows(path, ("text", "label")):
            table.add(example(row.values["text"], row.values["label"]))
        table.assign_splits(TENTHS, 0)
        count = sum(1 for split in SPLITS for _ in table.examples(split))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == megabytes * 1000
    return peak


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path):
    assert peak_of_staging(tmp_path, 60) < peak_of_staging(tmp_path, 6) + 2_000_000
