"""A package named tpot, for tests without the real one: its regressor has the arguments of TPOT 1.1, and is linear."""

import importlib
import sys

SOURCE = """
from sklearn.linear_model import LinearRegression

MADE = []

class TPOTRegressor:
    def __init__(
        self, search_space="linear", scorers=("neg_mean_squared_error",), scorers_weights=(1,), cv=10,
        other_objective_functions=(), other_objective_functions_weights=(), objective_function_names=None,
        bigger_is_better=True, categorical_features=None, memory=None, preprocessing=False, max_time_mins=60,
        max_eval_time_mins=10, n_jobs=1, validation_strategy="none", validation_fraction=0.2, early_stop=None,
        warm_start=False, periodic_checkpoint_folder=None, verbose=2, memory_limit=None, client=None,
        random_state=None, allow_inner_regressors=None,
    ):
        self.given = {name: value for name, value in locals().items() if name != "self"}

    def fit(self, X, y):
        if X.shape[0] < self.given["cv"]:
            raise ValueError("no pipeline could be tested")
        MADE.append(self.given)
        self.fitted_pipeline_ = LinearRegression().fit(X, y)
        return self

    def predict(self, X):
        return self.fitted_pipeline_.predict(X)
"""


def stand_in(monkeypatch, folder):
    """Put it on the path, and return the module; its MADE lists the arguments of every regressor that was fitted."""
    (folder / "tpot").mkdir()
    (folder / "tpot" / "__init__.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "tpot", raising=False)
    made = importlib.import_module("tpot")
    monkeypatch.setitem(sys.modules, "tpot", made)  # removed when the test ends
    return made
