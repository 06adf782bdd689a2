"""Temporal agreement of a clip's sound with its frames (Tsubaki et al. 2024, arXiv 2403.10756).

The audio tower learns, by contrast against a frozen image tower's rows of frames, and then, if
`text_steps` are given, against the frozen text tower's rows of some clips' captions or names.

match               pairs of a step
random              the clip's sound, and a frame drawn at random
nearest             ... for `random_epochs`; then the frame that is most like the sound
multiframe          each frame, and the sound at its time, a segment of `segment_s`
multiframe_clip     each frame, and the sound of the whole clip

Of the paper its equation of Multiframe Match is not public to us: `train.bridges.agreement_losses`
says what is implemented, and why.
"""




class Agreement:
    """Pulls the sound of each clip towards frames of it.

    Args:
        student: learns in place.
        pairs: draws clips with the rows of their frames.
        config: objective and batches.
        ranks: among which the batches are shared.
    """
