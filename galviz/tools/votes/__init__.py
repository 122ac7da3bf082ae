"""Galaxy Zoo's 37 vote fractions side by side."""
