"""The backend `native`: this project's own trainer, kohya's flags by kohya's formulas."""
