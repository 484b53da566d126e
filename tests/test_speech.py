"""Spoken digits: spectrograms of tones that one knows, and recordings found as the photos are."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from scipy.io import wavfile

from helpers import checks
from helpers.sources import published
from helpers.study import domains, speech

SECOND = np.arange(speech.RATE) / speech.RATE
SPEAKERS = ("ann", "bob", "cem", "dao", "eva", "fin")


def tone(hertz: float, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * SECOND[: round(seconds * speech.RATE)])


@pytest.mark.parametrize("hertz", [200, 500, 1000, 3000])
def test_a_tone_is_a_bright_line_at_its_pitch(hertz):
    picture = speech.spectrogram(tone(hertz))
    row = picture[:, 10].argmax()
    edges = np.linspace(*(2595 * np.log10(1 + np.array([60, 4000]) / 700)), 66)
    middles = 700 * (10 ** (edges[1:-1][::-1] / 2595) - 1)
    assert abs(middles[row] - hertz) < 0.06 * hertz + 16  # a frequency bin has 16 Hz
    assert picture[row, 10] > 240 and picture[:, 40].max() == 0  # then silence


def test_time_runs_to_the_right_and_a_pause_is_dark():
    samples = np.concatenate([np.zeros(4000), tone(800, 0.25)])
    picture = speech.spectrogram(samples)
    assert picture[:, :28].max() == 0 and picture[:, 36:44].max() > 240


def test_loudness_of_the_recording_does_not_matter():
    samples = tone(440) + 0.1 * tone(1200)
    np.testing.assert_array_equal(speech.spectrogram(samples), speech.spectrogram(samples * 3000))


def test_ten_times_quieter_is_twenty_decibels_darker():
    row_of = lambda hertz: speech.spectrogram(tone(hertz))[:, 10].argmax()  # noqa: E731
    picture = speech.spectrogram(tone(400) + 0.1 * tone(2000)).astype(int)
    darker = picture[row_of(400), 10] - picture[row_of(2000), 10]
    assert abs(darker - 255 * 20 / speech.DECIBELS) < 12


@pytest.mark.parametrize(
    "samples", [np.zeros(100), np.zeros(0), np.ones((5, 2)), np.r_[np.zeros(8000), 1], np.full(9, np.nan)]
)
def test_without_a_sound_there_is_no_picture(samples):
    with pytest.raises(checks.CourseError, match="samples is .* without a sound in its first second. Give"):
        speech.spectrogram(samples)


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """Two recordings of each of ten digits by each of six speakers, with a manifest of their own."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    lines = []
    for number, speaker in enumerate(SPEAKERS):
        for digit in range(10):
            for take in range(2):
                path = folder / f"{digit}_{speaker}_{take}.wav"
                samples = tone(200 + 100 * digit + 10 * number + take, 0.2 + 0.02 * digit)
                wavfile.write(path, speech.RATE, (3000 * samples).astype(np.int16))
                checksum = hashlib.sha256(path.read_bytes()).hexdigest()
                lines.append(f"{checksum}  recordings/{path.name}\n")
    (tmp_path / "manifest").write_text("".join(lines))
    changed = {"manifest": tmp_path / "manifest", "url": "http://127.0.0.1:9/nobody-listens-here.zip"}
    monkeypatch.setattr(speech, "RECORDINGS", replace(speech.RECORDINGS, **changed))
    monkeypatch.setattr(domains, "N_VALIDATION", 10)
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COURSE_SPEECH", str(tmp_path))
    domains.load.cache_clear()
    yield folder
    domains.load.cache_clear()


def test_recordings_are_a_table_of_digits_and_speakers(recordings):
    data = speech.load()
    assert len(data) == 120 and set(data["speaker"]) == set(SPEAKERS)
    assert sorted(data["label"].unique()) == list("0123456789")


def test_a_changed_recording_is_named(recordings):
    (recordings / "3_bob_1.wav").write_bytes(b"RIFF")
    with pytest.raises(checks.DataError, match="3_bob_1.wav in .* is not the course's recording"):
        speech.load()


def test_without_recordings_one_is_told(recordings, monkeypatch):
    monkeypatch.delenv("COURSE_SPEECH")
    with pytest.raises(published.NoArchive):
        speech.load()


def test_pictures_are_grey_and_of_the_size_that_was_asked_for(recordings):
    pictures = speech.pictures(speech.load().head(3), 32)
    assert pictures.shape == (3, 32, 32, 3) and pictures.dtype == np.uint8
    assert (pictures[..., 0] == pictures[..., 2]).all() and pictures.max() > 200


def test_who_is_held_out_is_heard_in_no_other_part_and_everyone_has_a_turn(recordings):
    domain = domains.load(domains.SPEECH, 16)
    held_out = []
    for seed in range(6):
        own = domain.for_seed(seed)
        speakers = [set(own.speakers[part]) for part in (own.pool, own.validation, own.held_out)]
        assert [len(some) for some in speakers] == [4, 1, 1] and len(set.union(*speakers)) == 6
        assert len(own.validation) == 10 and len(own.held_out) == 20 and len(own.pool) == 80
        assert len(set(own.labels[own.validation])) == 10
        held_out += speakers[2]
    assert sorted(held_out) == list(SPEAKERS)
    np.testing.assert_array_equal(domain.for_seed(1).held_out, domain.for_seed(7).held_out)


def test_a_domain_without_speakers_is_divided_once():
    digits = domains.load(domains.DIGITS, 16)
    assert digits.for_seed(3) is digits
