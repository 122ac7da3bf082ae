"""The names of answers on a page, Galaxy Zoo's question by question, and the plots of one answer."""

from collections.abc import Mapping

from galviz.pages.results.view import judged_plots
from galviz.sky.galaxy_zoo import COLUMNS, NAMES, QUESTIONS, SLICES, Question


def title_of(question: Question) -> str:
    """Return the title of a question: ``"3 · bar"``, or its first answers if it has no topic."""
    first = " / ".join(question.answers[:2]) + " …" * (len(question.answers) > 2)
    return f"{question.number} · {question.topic or first}"


GROUPS = {
    title_of(question): dict(zip(NAMES[part], COLUMNS[part], strict=True))
    for question, part in zip(QUESTIONS, SLICES, strict=True)
}
"""Question → answer in words → Kaggle's column name."""


def groups_of(answers: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Return question → answer in words → column: Galaxy Zoo's questions, or all answers by their columns."""
    return GROUPS if answers == COLUMNS else {"answers": {answer: answer for answer in answers}}


def answer_plots(answer: str) -> list[Mapping[str, object]]:
    """Return the plots of an answer's predictions against its votes, for an explorer."""
    return judged_plots(f"{answer}_true", answer)


def answer_axes(answer: str) -> dict[str, str]:
    """Return the axis label of each expression in `answer_plots`."""
    first, second = answer_plots(answer)
    name = NAMES[COLUMNS.index(answer)] if answer in COLUMNS else answer
    written = {first["x"]: f"True votes, {name}", first["y"]: f"Predicted votes, {name}"}
    return written | {second["y"]: f"Predicted − true votes, {name}"}
