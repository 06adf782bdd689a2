"""The small models that stand where BioCLIP-2 and BioLingual stand, and the pretrained backbone."""
