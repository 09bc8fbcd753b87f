"""Training: a folder of sound to a model. The loop needs torch, numpy and safetensors alone.

preparation.py (soundfile, soxr)  sounds of any kind -> corpus.py, a mapped file and what a survey found
batches.py augmentation.py        step n -> its crops and its dice, whatever came before
autoencoder.py losses.py          phase 1: the spectral distance
discriminators.py                 phase 2: what a critic hears
beginning.py                      the model that a training starts from
trainer.py checkpoint.py guide.py one step; what is saved; when to move on, and when to go back
loop.py finish.py report.py       from the first step to the model file and its page
"""
