"""What a notebook shows: tables, pictures, sentences, panels and exercises."""
