"""The demo: a study on real content to vote in, and the same content answered by simulated people, plainly labelled so."""
