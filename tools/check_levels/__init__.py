"""Whether levels keep their word: identifiers planted in hundreds of real files, and looked for by MIDI-B's classes."""
