"""What a notebook shows: tables, pictures, sentences, panels, and the exercises of a workshop."""

from segnb.notebook.show import Picture, Table, Text, figure_words, settings, start
