"""Training: from a folder of sound files to a model. Training itself needs only torch, numpy and safetensors.

preparation.py corpus_survey.py         sound files (soundfile, soxr) to a prepared corpus; a summary of it
corpus_files.py ffmpeg_decoding.py      the files of its folders; files that only ffmpeg reads
corpus.py                               the prepared corpus: one memory-mapped file and an index
batches.py augmentation.py              the crops and random numbers of each step
autoencoder.py losses.py                phase 1: the spectral distance and the bottleneck's penalty
energy_distance.py                      a loss for noises
bottleneck_training.py                  noise, penalties and codebooks between encoder and decoder
discriminators.py                       phase 2: discriminators and adversarial losses
initial_model.py                        the model that a training starts from
trainer.py trained_network.py           the training steps; a network with its optimiser
weight_norm.py                          the weights while they are trained
training_state.py checkpoint.py         what a checkpoint contains; checkpoint files
health.py                               when phase 1 has reached a plateau, and when a training has failed
processes.py                            one process, or several that torchrun started
loop.py finishing.py                    from the first step to the model file
voice_checks.py voice_figures.py        what the voice can do, on sound that it has not learnt
training_messages.py                    the lines and the progress that a training reports
training_report.py tensorboard_log.py   curves, spectrograms and sounds
prior_trainer.py prior_choices.py       training of a prior
corpus_encoding.py                      a corpus as latents, for a prior
plan.py progress.py                     the options of a training; its progress reports
"""
