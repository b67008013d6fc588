"""The one-machine cluster behind `make up`: toolchain, node, images, operators and the stand-in provider."""
