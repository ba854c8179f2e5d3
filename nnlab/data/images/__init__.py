"""Images: arrays of them, CIFAR's files, folders of image files, CelebA; decoding, and a cache of what was decoded."""
