"""What the usual run leaves out: more of a kind that it tests too. `pytest --long` runs everything.

For each test named here, the parameters that the usual run keeps: each kind of layer, bottleneck and channel
count once. The other parameters repeat the same code with other sizes, models or seeds. A test with no
parameters kept runs only with `--long`.
"""

from __future__ import annotations

import pytest

SHORT: dict[str, tuple[str, ...]] = {
    "rave/test_upstream.py::test_a_stream_equals_upstreams_sample_for_sample": (
        *("v3", "discrete", "stereo", "resampled", "adain_learnt", "prior"),
    ),
    "rave/test_upstream.py::test_offline_equals_upstreams": ("v2_offline", "v1_offline", "stereo_offline"),
    "rave/test_upstream.py::test_receptive_fields_equal_upstreams": ("v2_small_offline", "causal_offline"),
    "rave/test_upstream.py::test_a_non_streaming_export_becomes_the_same_stream": ("v2_small", "v1"),
    "rave/test_upstream.py::test_the_measured_delay_equals_the_calculated_one": ("v2_small", "stereo"),
    "rave/test_upstream.py::test_the_delays_of_two_models_encoder_and_decoder_add_up": ("v2-v1",),
    "rave/test_export.py::test_blocks_of_any_size_equal_our_stream": (
        *("v3", "discrete", "stereo"),
    ),
    "rave/test_export.py::test_block_by_block_it_equals_our_stream_to_the_last_bit": (
        *("live", "v3", "discrete", "noise", "v2_nopqmf"),
    ),
    "rave/test_export.py::test_card_and_licence_are_included_and_the_model_can_be_imported": (
        *("v3", "discrete", "live"),
    ),
    "rave/test_nn_loader.py::test_a_cpp_host_plays_it_as_python_does": ("live", "v3", "prior"),
    "rave/test_graph.py::test_streams_through_the_graphs_equal_streams_through_the_modules": (
        *("live-3", "v1-3", "v3-1", "discrete-3", "noise-3", "few bands-1", "stereo-3", "v2_nopqmf-3"),
        *("resampled stereo, causal-1", "v2, newest-3", "wasserstein-1"),
    ),
    "rave/test_graph.py::test_any_number_of_frames_per_call_gives_the_same": ("5",),
    "foreign/test_conversion.py::test_a_rebuilt_export_sounds_the_same": ("v2_small",),
    "foreign/test_conversion.py::test_a_rebuilt_model_that_sounds_different_is_wrapped": (),
    "foreign/test_conversion.py::test_a_module_that_misbehaves_is_not_imported": ("hang-hung",),
    "foreign/test_torchscript_model.py::test_genuine_exports_play_without_conversion": (
        *("v2", "v3", "discrete", "stereo", "recurrent"),
    ),
    "train/test_training.py::test_every_architecture_learns": ("v3 causal",),
    "train/test_training.py::test_more_steps_prolong_phase_1_until_phase_2_begins": (),
    "train/test_training.py::test_a_training_can_start_from_a_model": (),
    "train/test_training.py::test_snapshot_writes_the_model_and_does_not_change_the_checkpoint": (),
    "train/test_training.py::test_a_resumed_training_uses_the_corpus_prepared_at_its_start": (),
    "train/test_together.py::test_two_processes_train_like_one_with_twice_the_batch": (),
    "offline/test_replay.py::test_another_sample_rate_gives_the_same_sound": (),
    "rave/test_bundled.py::test_moving_a_latent_changes_the_sound": (
        *("choir-2.0-0", "choir--2.0-1"),
    ),
    "cli/test_in_browser.py::test_a_browser_shows_the_instrument": ("desktop",),
    "rave/test_accepted_voices.py::test_a_voice_is_as_good_as_when_it_was_accepted": ("kit", "storm"),
    "tests/test_package.py::test_what_is_in_wheel_and_sdist": (),
    "train/test_training.py::test_another_seed_gives_another_model": (),
    "train/test_verb.py::test_a_killed_and_resumed_training_equals_an_uninterrupted_one": (),
    "bench/test_bench.py::test_the_table_has_a_line_for_each_method": (),
    "bench/test_training_cost.py::test_each_kind_of_step_is_compared_with_the_plain_recipe": (),
    "train/test_training.py::test_every_architecture_takes_a_step_in_bfloat16": ("noise", "stereo"),
    "offline/test_replay.py::test_an_offline_take_renders_bit_by_bit": ("how1",),
    "train/test_verb.py::test_the_trained_model_plays_on_a_deck": ("False",),
    "audio/test_input_chain.py::test_a_howl_is_lowered_within_half_a_second_and_ends": (
        *("-120-0.006-700-6", "-120-0.04-5000-1", "-30-0.012-3000-3", "-30-0.03-1500-6", "-30-0.006-700-1"),
    ),
    "audio/test_howls.py::test_no_false_alarm_on_the_bundled_models": ("choir",),
    "library/test_latent_figures.py::test_the_figures_of_a_bundled_model_are_those_that_measure_finds": (),
    "control/test_devices_play.py::test_every_control_moves_what_the_map_says_and_every_lamp_lights": (
        *("apc-mini", "launch-control-xl", "launchpad-x", "x-touch-mini"),
        *("footswitch", "keyboard", "seaboard"),
    ),
    "control/test_devices_play.py::test_each_of_three_is_unplugged_and_replugged_in_a_sweep": ("1",),
    "live/test_cue_outputs.py::test_on_a_server_with_two_outputs": (),
    "live/test_sound.py::test_a_set_is_heard_as_it_was_recorded": (),  # test_set.py does it, too
    "core/test_platforms.py::test_types_are_right_on_other_systems": (),  # 40 s each
    "live/test_gig.py::test_a_gig_from_nothing": ("keys",),  # tui/test_whole_gig.py plays both on a stand-in
    # -- the same promise is held by a cheaper test, or by a neighbour
    "live/test_sound.py::test_a_midi_knob_bends_the_sound": (),  # test_playing_hands.py turns knobs, too
    "live/test_deaths.py::test_the_stage_while_recording": ("with all its processes",),
    "stage/test_hostile.py::test_a_recorder_and_a_midi_process_that_hang_are_replaced": (),  # a host: always
    "tui/test_whole_gig.py::test_a_whole_gig_is_built": ("keys",),
    "tui/test_every_size.py::test_picture_of_each_layout": ("120x40",),
    "foreign/test_conversion.py::test_a_module_that_is_not_a_rave_is_named_and_wrapped": (),
    "foreign/test_scan.py::test_genuine_exports_pass": ("v3", "discrete", "stereo", "prior", "recurrent"),
    "foreign/test_genuine_exports.py::test_the_scan_finds_only_arithmetic_in_them": ("v3",),
    "foreign/test_scripted_modules.py::test_every_construct_of_the_packages_examples_loads_and_plays": (
        *("buffers", "attributes", "effects"),
    ),
    "train/test_training.py::test_latents_and_fidelity_choose_the_number_of_latents": (),
    "train/test_training.py::test_auto_begins_phase_2_at_the_plateau_of_phase_1": (),
    "train/test_pitched_training.py::test_a_pitched_model_is_trained_and_plays": (),
    "rave/test_bundled.py::test_input_shapes_the_output": ("bells",),
    "cli/test_verbs.py::test_an_error_is_one_line_that_names_the_cause_and_exit_code_2": (
        *("broken.toml-says1", "text.safetensors-says6"),
    ),
}  # fmt: skip


def left_out(item: pytest.Item) -> bool:
    """Whether the usual run leaves this test out."""
    kept = SHORT.get(_name(item))
    return kept is not None and _parameters(item) not in kept


def unknown_names(items: list[pytest.Item]) -> list[str]:
    """Names in SHORT that no collected test of a collected file has."""
    files = {_name(item).partition("::")[0] for item in items}
    tests = {_name(item) for item in items}
    found = {(_name(item), _parameters(item)) for item in items}
    named = [name for name in SHORT if name.partition("::")[0] in files]
    return [name for name in named if name not in tests] + [
        f"{name}[{kept}]" for name in named for kept in SHORT[name] if (name, kept) not in found
    ]


def _name(item: pytest.Item) -> str:
    return "/".join(item.path.parts[-2:]) + "::" + getattr(item, "originalname", item.name)


def _parameters(item: pytest.Item) -> str:
    return getattr(getattr(item, "callspec", None), "id", "")
