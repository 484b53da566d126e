"""The proofreading of translations: nothing in good ones, and each fault that it is for."""

import re
import unicodedata

import polib
import pytest

from helpers.course import proofreading, translation

RULES = proofreading.read_rules()
ENGLISH = "Each **feature** of 1,399 photos is in `data` ([lesson 2](02_split.ipynb)); see *Image models*."
GOOD = "Mỗi **đặc trưng** (feature) của 1,399 ảnh ở `data` ([bài 2](02_split.ipynb)); xem *Image models*."


def faults(english: str, vietnamese: str, note: str = "") -> list[str]:
    entry = polib.POEntry(msgctxt="title", msgid=english, msgstr=vietnamese, tcomment=note)
    return list(proofreading.entry_faults(entry, RULES))


def test_nothing_is_found_in_a_good_translation():
    assert faults(ENGLISH, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("đặc trưng", "nét", "“feature” is “đặc trưng”"),
        ("đặc trưng", "đặc trưng, tính năng", "“tính năng” is not our word"),
        ("1,399", "1.399", "the number 1,399 is missing"),
        ("ảnh", "ảnh 5", "the number 5 is not in the English"),
        ("bài 2", "bài 3", "the number 2 is missing"),
        ("`data`", "data", "the mark `data` is missing"),
        ("`data`", "`dữ_liệu`", "the mark `dữ_liệu` is not in the English"),
        ("02_split.ipynb", "02_chia.ipynb", r"the mark \(02_split.ipynb\) is missing"),
        ("**đặc trưng**", "đặc trưng", r"the mark \*\* is missing"),
        ("**đặc trưng**", "** đặc trưng**", r"the mark \*\* is missing"),
        ("Mỗi", "Mỗi | một", r"the mark \| is not in the English"),
        ("Mỗi", "Mỗi <b>", "the mark `<b>` is not in the English"),
        ("Image models", "Mạng ảnh", "“models” is “mô hình”"),
        ("ảnh", "ảnh hoà", "“hoà”: put the tone mark"),
        ("ảnh", "ảnh tóan", "“tóan”: put the tone mark"),
    ],
)
def test_a_planted_fault_is_found(old, new, fault):
    found = faults(ENGLISH, GOOD.replace(old, new))
    assert any(re.match(fault, one) for one in found)


def test_decomposed_letters_are_found():
    assert faults(ENGLISH, unicodedata.normalize("NFD", GOOD)) == ["is not in Unicode's composed form (NFC)"]


def test_what_is_left_in_english_is_found_unless_it_is_listed():
    assert len(faults("Afterwards", "Afterwards")) == 1
    assert faults("ImageNet", "ImageNet") == []


@pytest.mark.parametrize("word", ["hóa", "khỏe", "thủy", "quý", "toán", "ngoài", "huỳnh", "quỳnh", "khuỷu"])
def test_tone_marks_in_their_place_are_none_to_find(word):
    assert faults("All is well.", f"Thế là {word} rồi.") == []


@pytest.mark.parametrize("word", ["hoá", "Hoà", "khoẻ", "thuỷ", "tóan", "hòan", "húynh"])
def test_tone_marks_out_of_place_are_found(word):
    assert len(faults("All is well.", f"Thế là {word} rồi.")) == 1


def test_a_term_within_another_one_is_not_meant():
    assert faults("The log loss.", "Giá trị log loss.") == []
    assert faults("A mini-batch.", "Một minibatch.") == []
    assert len(faults("A loss.", "Giá trị log loss.")) == 1


def test_what_is_wrong_for_a_term_is_wrong_within_a_longer_one():
    assert len(faults("Bottleneck features.", "Đặc trưng bottleneck (tính năng).")) == 2


def test_a_word_is_not_found_within_another():
    assert faults("A batch of cats.", "Một batch mèo lông dài, nặng một kilô.") == []


def test_one_word_for_two_things_is_found():
    assert len(faults("A layer.", "Một lớp.")) == 2  # the term is missing, and the word is that of classes
    assert faults("A layer for each class.", "Mỗi lớp một tầng.") == []
    assert len(faults("The precision.", "Độ chính xác.")) == 2


def test_all_forms_of_a_term_count():
    for english in ("Fine-tuning it.", "We fine-tuned it.", "Fine tune it."):
        assert len(faults(english, "Làm vậy.")) == 1
        assert faults(english, "Tinh chỉnh.") == []


def test_the_translator_may_say_that_a_word_is_no_term():
    assert len(faults("The answers are in folds, in class.", "Câu trả lời được gập lại, khi học.")) == 2
    note = "Of paper.\nnot the term: folds, class"
    assert faults("The answers are in folds, in class.", "Câu trả lời được gập lại, khi học.", note) == []


def test_a_title_that_stays_english_is_no_matter_of_terms():
    assert faults('See "Deep learning".', 'Xem "Deep learning".') == []
    assert len(faults('See "Deep learning".', 'Xem "Máy".')) == 1


@pytest.mark.parametrize("vietnamese", ["# Nhìn", "- Nhìn", "Nhìn\n\n## Rồi", "1. Nhìn", "> Nhìn"])
def test_another_outline_is_found(tmp_path, vietnamese):
    (tmp_path / "README.md").write_text("## Look\n\nLook at it.\n", encoding="utf-8")
    document = translation.Document("readme", "README.md", tmp_path)
    made = translation.updated(polib.POFile(), document.units())
    made[0].msgstr, made[1].msgstr = "Nhìn", "Nhìn nó."
    assert list(proofreading.faults(document, made, RULES)) == []
    made[1].msgstr = vietnamese
    fault = "README.md: headings, lists or tables are not those of the English"
    assert fault in proofreading.faults(document, made, RULES)


def test_drafts_are_not_looked_at(tmp_path):
    (tmp_path / "README.md").write_text("Look at it.\n", encoding="utf-8")
    document = translation.Document("readme", "README.md", tmp_path)
    made = translation.updated(polib.POFile(), document.units())
    made[0].msgstr, made[0].flags = "Look at it.", ["fuzzy"]
    assert list(proofreading.faults(document, made, RULES)) == []


# --- the terms ------------------------------------------------------------------------------------------


def test_the_terms_are_spelled_as_translations_are_to_be():
    for term in RULES.terms:
        for word in term.vietnamese:
            assert unicodedata.is_normalized("NFC", word)
            assert not list(proofreading.misspelled(word)), word


def test_no_term_stands_twice_and_none_forbids_its_own_word():
    forms = [form for term in RULES.terms for form in term.english]
    assert len(forms) == len(set(forms)) > 100
    for term in RULES.terms:
        assert term.vietnamese and not set(term.vietnamese) & set(term.forbidden), term
