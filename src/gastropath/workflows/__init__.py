"""One function a command: plain arguments in, a typed result out."""
