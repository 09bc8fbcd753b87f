"""Training: a folder of sound to a model. The loop needs torch, numpy and safetensors alone.

preparation.py corpus_survey.py   sound files (soundfile, soxr) -> a prepared corpus, and what it holds
corpus.py                         the prepared corpus: one memory-mapped file and an index
batches.py augmentation.py        step n -> its crops and its random numbers, by seed and step alone
autoencoder.py losses.py          phase 1: spectral distance and the bottleneck's penalty
bottleneck_training.py            noise, penalties and codebooks between encoder and decoder
discriminators.py                 phase 2: discriminators and adversarial losses
initial_model.py                  the model that a training starts from
trainer.py checkpoint.py          one step; what a checkpoint holds
health.py                         when a phase has flattened, and when to go back
processes.py                      one process, or as many as torchrun started
loop.py finishing.py              from the first step to the model file
training_report.py tensorboard_log.py   curves, spectrograms and sounds to look at and listen to
prior_trainer.py corpus_encoding.py     training of a prior
plan.py progress.py               the options of a training; how it reports progress
"""
