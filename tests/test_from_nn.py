"""Each row of docs/from-nn.md has tests that prove it, and its addresses, options and verbs exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import click
import pytest

from perform.cli import main
from perform.core import params

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "from-nn.md").read_text()
ROWS = dict(re.findall(r"^\| (.+?) \| (.+) \|$", PAGE.partition("## Not here")[0], re.M))
ROWS = {left: right for left, right in ROWS.items() if right != "here" and left != "---"}
PROOFS: dict[str, tuple[str, ...]] = {
    "an `nn~` object with a model": (
        "stage/test_stage.py::test_one_deck_changes_models_while_another_plays",
    ),
    "`nn~ x.ts decode`, latents from a patch": (
        "live/test_sound.py::test_a_midi_knob_bends_the_sound",
        "control/test_osc.py::test_a_message_sets_a_parameter",
    ),
    "`nn~ x.ts forward`, sound from `adc~`": (
        "live/test_encoder_input.py::test_what_is_played_in_comes_out_as_offline",
        "tui/test_playing.py::test_opening_the_input_takes_two_presses",
    ),
    "`nn~ x.ts encode` of A into `decode` of B": (
        "voice/test_sources.py::test_a_deck_follows_a_deck_with_other_frames_and_latents",
        "voice/test_sources.py::test_a_learnt_matrix_is_used_if_it_fits",
    ),
    "`nn~ a.ts decode` into `nn~ b.ts encode`": (
        "voice/test_feedback.py::test_a_deck_encodes_the_sound_of_another_without_gaps",
    ),
    "feedback between objects, `tapin~` and `tapout~`": (
        "voice/test_feedback.py::test_two_decks_hear_each_other",
        "voice/test_feedback.py::test_a_loop_that_grows_is_lowered_until_feedback_was_off",
    ),
    "an effect: `nn~ x.ts forward` of a module without latents": (
        "voice/test_effect_modules.py::test_modules_of_the_package_process_sound",
        "offline/test_effect_takes.py::test_an_effect_module_in_its_sandbox_renders_and_replays_the_same_bits",
    ),
    "an effect behind another object": (
        "voice/test_inserts.py::test_dry_and_wet_are_in_time",
        "stage/test_stage_inserts.py::test_inserts_come_and_go_and_the_take_replays",
    ),
    "sound files into `nn~`, `sfplay~`": (
        "voice/test_sources.py::test_a_file_loops_between_its_ends",
        "voice/test_sources.py::test_a_pad_starts_a_file_and_knobs_set_position_and_speed",
        "voice/test_sources.py::test_a_file_stops_until_it_is_played_again",
    ),
    "`nn~ x.ts prior`, its temperature": (
        "engine/test_priors.py::test_a_deck_plays_its_models_prior",
        "rave/test_upstream.py::test_a_prior_plays",
    ),
    "`mc.nn~`, batches": (
        "stage/test_host_pool.py::test_one_process_plays_a_model_on_all_its_decks",
        "voice/test_voice.py::test_voices_of_one_batch_do_not_affect_each_other",
    ),
    "the buffer size argument": ("live/test_latency.py::test_a_knob_is_heard_as_soon_as_is_shown",),
    "`enable 0`, `bypass`": (
        "voice/test_voice.py::test_freeze_holds_the_source",
        "tui/test_asking.py::test_the_browser_unloads",
    ),
    "`get`, `set` of an attribute": (
        "stage/test_attributes.py::test_attributes_from_song_to_take",
        "tui/test_attribute_keys.py::test_arrows_begin_at_the_module_default",
    ),
    "a method, such as `play`": (
        "tui/test_method_choice.py::test_a_method_that_is_in_the_library_is_loaded",
        "foreign/test_conversion.py::test_a_method_that_a_module_lacks_is_wrong_use",
    ),
    "a model on a GPU": (
        "engine/test_gpu.py::test_a_model_on_the_gpu_sounds_and_encodes_the_same",
        "engine/test_gpu.py::test_what_fails_there_plays_on_the_processor_and_says_why",
    ),
    "a method at one slow ratio, such as 2048": (
        "voice/test_effect_modules.py::test_a_method_at_one_slow_rate_plays_as_in_nn_tilde",
    ),
    "buffer attributes (nn~ 1.6)": (
        "offline/test_buffers_from_files.py::test_a_song_fills_a_buffer_from_a_file_and_its_take_replays",
        "tui/test_attribute_keys.py::test_a_buffer_is_filled_from_a_file",
    ),
    "a module that prints": (
        "foreign/test_sandbox.py::test_prints_of_a_module_are_logged_a_few_at_a_time_and_never_wait",
        "foreign/test_scripted_modules.py::test_prints_of_a_module_go_nowhere",
    ),
    "labels of inlets": ("rave/test_pitched.py::test_an_export_names_its_latents_and_can_be_imported_again",),
    "`load` of another model by message": (
        "stage/test_songs.py::test_songs_follow_each_other_without_a_gap",
    ),
    "`set_sample_rate`": ("voice/test_voice.py::test_a_voice_at_another_rate_keeps_its_pitch",),
    "`download` (nn~ 1.6)": (
        "library/test_download.py::test_a_model_is_found_fetched_renamed_and_removed",
        "tui/test_catalogue_page.py::test_a_model_is_agreed_to_downloaded_resumed_imported_and_loaded",
    ),
    "`rave preprocess`": (
        "train/test_preparation.py::test_linked_folders_and_every_readable_format_are_taken",
        "train/test_preparation.py::test_files_left_out_are_named_with_the_reason",
        "train/test_preparation.py::test_a_corpus_of_several_folders_and_files",
        "train/test_preparation.py::test_ffmpeg_reads_what_libsndfile_cannot",
    ),
    "`rave train` and its configs": (
        "train/test_training.py::test_every_architecture_learns",
        "rave/test_combined_config.py::test_a_part_keeps_what_it_does_not_set",
    ),
    "overrides, gin files": ("train/test_training.py::test_set_changes_values_of_a_config",),
    "augmentation, `rave train --normalize`, `rave train --rand_pitch`": (
        "train/test_batches.py::test_gain_compression_and_mute_stay_in_range",
        "train/test_batches.py::test_normalize_brings_every_crop_to_full_scale_by_30_db_at_most",
        "train/test_batches.py::test_pitch_moves_a_tone_by_three_semitones_at_most",
    ),
    "a checkpoint to start from": (
        "train/test_training.py::test_a_resumed_training_equals_an_uninterrupted_one_in_both_phases",
        "train/test_training.py::test_a_training_can_start_from_a_model",
    ),
    "several GPUs": ("train/test_together.py::test_two_processes_train_like_one_with_twice_the_batch",),
    "TensorBoard of a run": (
        "train/test_tensorboard_log.py::test_tensorboard_reads_curves_and_sounds",
        "train/test_training.py::test_a_verdict_says_whether_it_pays_to_go_on",
    ),
    "`rave train_prior`": ("foreign/test_genuine_exports.py::test_a_prior_is_trained_exported_and_imported",),
    "`rave export`, streaming": (
        "rave/test_export.py::test_blocks_of_any_size_equal_our_stream",
        "rave/test_upstream.py::test_a_non_streaming_export_becomes_the_same_stream",
    ),
    "latent size, fidelity, rate and channels of `rave export`": (
        "rave/test_export_options.py::test_the_verb_takes_them",
    ),
    "`rave export_onnx`": ("rave/test_export.py::test_an_onnx_export_streams_and_says_what_it_is",),
    "`rave generate`": (
        "cli/test_transfer_verb.py::test_all_files_of_a_folder_are_transferred_and_failures_are_listed_at_the_end",
    ),
    "the patch for style transfer: play, loop, wet, dry": (
        "offline/test_transfer_set.py::test_the_onsets_of_dry_and_wet_coincide",
        "offline/test_transfer_set.py::test_play_stop_loop_and_gains_by_midi_and_osc",
    ),
    "`learn_source`, `learn_target` of a v3": (
        "engine/test_style_state.py::test_the_genuine_module_learns_the_same_style",
        "rave/test_styled_export.py::test_learning_changes_the_sound_and_a_reset_restores_it",
    ),
    "latent scale and bias": (
        "tui/test_playing.py::test_bias_and_scale_share_the_rows",
        "voice/test_voice.py::test_latents_are_source_times_scale_plus_bias",
    ),
    'noise ("jitter")': (
        "core/test_modulators.py::test_random_values_depend_on_their_seed_and_are_spread",
        "tui/test_modulation_keys.py::test_two_keys_and_an_arrow_modulate_a_parameter",
    ),
    "input gain, gate": (
        "audio/test_input_chain.py::test_the_gate_opens_at_one_level_and_closes_at_another",
        "audio/test_input_chain.py::test_a_howl_is_lowered_within_half_a_second_and_ends",
    ),
    "compressor, channel mode": (
        "audio/test_input_chain.py::test_the_compressor_lowers_what_is_above_the_threshold",
        "audio/test_input_chain.py::test_channels_are_chosen_by_a_ramp",
    ),
    "dry/wet": ("audio/test_live_input.py::test_dry_and_wet_cross_over_with_equal_power",),
    "stereo width": (
        "voice/test_width.py::test_the_left_channel_is_the_mono_sound_and_the_right_one_has_other_noise",
    ),
    "output gain, limiter": (
        "audio/test_mixer.py::test_every_fader_moves_without_a_click",
        "audio/test_guard.py::test_no_sample_exceeds_the_ceiling",
    ),
    "buffer size, latency": (
        "live/test_encoder_input.py::test_in_real_time_it_loses_nothing_and_comes_as_late_as_is_shown",
    ),
    "prior": ("engine/test_priors.py::test_a_deck_plays_its_models_prior",),
    "the picture of the latents": ("tui/test_latent_screen.py::test_the_pad_shows_the_corpus",),
    "the list of models to download": (
        "tui/test_catalogue_page.py::test_a_model_is_agreed_to_downloaded_resumed_imported_and_loaded",
    ),
    "your own export in the plug-in": (
        "rave/test_export.py::test_rave_vst_plays_two_channels_of_a_mono_model",
    ),
}


@cache
def functions_of(file: str) -> set[str]:
    return set(re.findall(r"^(?:async )?def (test_\w+)", (HERE / file).read_text(), re.M))


def test_every_row_has_a_proof_and_every_proof_a_row() -> None:
    assert list(ROWS) == list(PROOFS)


@pytest.mark.parametrize("row", PROOFS, ids=lambda row: row.replace("`", ""))
def test_its_proof_exists(row: str) -> None:
    assert PROOFS[row]
    for proof in PROOFS[row]:
        file, _, name = proof.partition("::")
        assert name in functions_of(file), proof


def test_what_the_rows_name_exists() -> None:
    """Addresses of parameters, verbs with their options, and links to other pages."""
    named = [word for right in ROWS.values() for word in re.findall(r"`([^`]+)`", right)]
    addresses = [word for word in named if re.fullmatch(r"(deck|z|input|stage)/\S+", word)]
    for word in addresses:
        slot = word.replace("/N/", "/1/").replace("/I/", "/0/")
        assert (f"deck/1/{slot}" if slot.startswith("z/") else slot) in params.SLOTS, word
    assert len(addresses) > 10
    verbs, options = 0, set[str]()
    for word in named:
        if word.startswith("--"):
            assert word in options, word  # of the verb that the row names before
        if found := re.search(r"perform ([a-z]+)(?: ([a-z]+))?", word):
            command = main.get_command(click.Context(main), found[1])
            assert command is not None, word
            if isinstance(command, click.Group):
                command = command.get_command(click.Context(command), found[2] or "")
                assert command is not None, word
            options = {option for param in command.params for option in param.opts}
            assert set(re.findall(r"--[a-z]+", word.partition("perform")[2])) <= options, word
            verbs += 1
    assert verbs > 8
