"""What passes from room to room and into files: documents that are checked when made."""
