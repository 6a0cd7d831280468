"""Which models score each row by itself, so that rows of many requests may be scored together.

Two things must hold: a row's result depends on no other row (NMF's solver stops for all rows at once; a dummy's random
labels follow the order), and it is the same number alone and among others, to rounding. The second rules out what
takes differences of large sums, such as distances computed as a matrix product (brute-force neighbours) and kernel
expansions with large coefficients. Only classes named here are trusted, nested ones too; a function of the user's
own is never.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_PREDICTORS = """
ARDRegression BayesianRidge ElasticNet ElasticNetCV GammaRegressor HuberRegressor Lars LarsCV Lasso LassoCV
LassoLars LassoLarsCV LassoLarsIC LinearRegression LogisticRegression LogisticRegressionCV MultiTaskElasticNet
MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV
PassiveAggressiveClassifier PassiveAggressiveRegressor Perceptron PoissonRegressor QuantileRegressor RANSACRegressor
Ridge RidgeCV RidgeClassifier RidgeClassifierCV SGDClassifier SGDOneClassSVM SGDRegressor TheilSenRegressor
TweedieRegressor AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor ExtraTreesClassifier
ExtraTreesRegressor GradientBoostingClassifier GradientBoostingRegressor HistGradientBoostingClassifier
HistGradientBoostingRegressor IsolationForest RandomForestClassifier RandomForestRegressor StackingClassifier
StackingRegressor VotingClassifier VotingRegressor BayesianGaussianMixture GaussianMixture BernoulliNB CategoricalNB
ComplementNB GaussianNB MultinomialNB MLPClassifier MLPRegressor CCA PLSCanonical PLSRegression
CalibratedClassifierCV ClassifierChain MultiOutputClassifier MultiOutputRegressor RegressorChain
TransformedTargetRegressor DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor
DummyClassifier DummyRegressor EllipticEnvelope FixedThresholdClassifier TunedThresholdClassifierCV GridSearchCV
RandomizedSearchCV HalvingGridSearchCV HalvingRandomSearchCV IsotonicRegression KNeighborsClassifier
KNeighborsRegressor RadiusNeighborsClassifier RadiusNeighborsRegressor SelfTrainingClassifier
LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis LinearSVC LinearSVR NuSVC NuSVR OneClassSVM SVC SVR
OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier Pipeline RFE RFECV
"""
PREDICTORS = frozenset(_PREDICTORS.split())
_TRANSFORMERS = """
RandomTreesEmbedding PolynomialCountSketch RBFSampler Binarizer KBinsDiscretizer LabelBinarizer LabelEncoder
MaxAbsScaler MinMaxScaler MultiLabelBinarizer Normalizer OneHotEncoder OrdinalEncoder PolynomialFeatures
PowerTransformer QuantileTransformer RobustScaler SplineTransformer StandardScaler TargetEncoder FunctionTransformer
ColumnTransformer CountVectorizer HashingVectorizer TfidfTransformer TfidfVectorizer FactorAnalysis FastICA
IncrementalPCA PCA TruncatedSVD FeatureUnion GaussianRandomProjection SparseRandomProjection GenericUnivariateSelect
SelectFdr SelectFpr SelectFromModel SelectFwe SelectKBest SelectPercentile SequentialFeatureSelector
VarianceThreshold MissingIndicator SimpleImputer _BinMapper _SigmoidCalibration _ConstantPredictor
"""
TRANSFORMERS = frozenset(_TRANSFORMERS.split())
_LABELS_ONLY = """
KMeans MiniBatchKMeans BisectingKMeans AffinityPropagation MeanShift Birch NearestCentroid
"""
LABELS_ONLY = frozenset(_LABELS_ONLY.split())
"""Trusted for the labels they predict, not for the distances they give as a step of a pipeline."""
FRAMES = frozenset(
    ("ColumnTransformer", "FunctionTransformer", "CountVectorizer", "TfidfVectorizer", "HashingVectorizer")
)
"""Take columns by name or as they are, so that they need a frame."""
LIBRARIES = frozenset(("sklearn", "lightgbm", "xgboost"))
BOOSTED = frozenset(("lightgbm.sklearn", "xgboost.sklearn"))
RANDOM = frozenset(("stratified", "uniform"))
"""Strategies of a DummyClassifier that draw."""
DEEPEST = 12


def estimators(model: Any, depth: int = DEEPEST) -> Iterator[Any]:
    """A fitted model and the estimators in it, each as often as it is found."""
    if depth < 0:
        return
    if hasattr(model, "get_params") and hasattr(model, "fit") and not isinstance(model, type):
        yield model
        inside: Any = vars(model).values() if hasattr(model, "__dict__") else ()
    elif isinstance(model, dict):
        inside = model.values()
    elif isinstance(model, (list, tuple)) or getattr(getattr(model, "dtype", None), "kind", "") == "O":
        inside = model.ravel() if hasattr(model, "ravel") else model
    elif type(model).__name__ == "_CalibratedClassifier":
        inside = vars(model).values()
    else:
        return
    for one in inside:
        if not isinstance(one, (str, int, float, bytes, type(None))):
            yield from estimators(one, depth - 1)


def mixes(model: Any, function: str = "predict") -> str:
    """The class in a fitted sklearn model whose rows may not be independent in its method `function`; "" if none."""
    if _name(model) in LABELS_ONLY:
        return "" if function == "predict" and _plain(model) else _name(model)
    return next((_name(one) for one in estimators(model) if not _trusted(one)), "")


def takes_arrays(model: Any) -> bool:
    """Whether a matrix of numbers gives what a frame with the fitted columns gives."""
    return not any(
        _name(one) in FRAMES or hasattr(one, "_sklearn_output_config") or _library(one) not in LIBRARIES
        for one in estimators(model)
    )


def _name(model: Any) -> str:
    return type(model).__name__


def _library(model: Any) -> str:
    return type(model).__module__.partition(".")[0]


def _trusted(model: Any) -> bool:
    name, module = _name(model), type(model).__module__
    if module in BOOSTED:
        return _plain(model)
    if not module.startswith("sklearn.") or name not in PREDICTORS | TRANSFORMERS:
        return False
    if name == "DummyClassifier" and model.strategy in RANDOM:
        return False
    if getattr(model, "_fit_method", "") == "brute" or getattr(model, "kernel", "") == "precomputed":
        return False
    return _plain(model)


def _plain(model: Any) -> bool:
    """Whether no parameter is a function but sklearn's own and numpy's element-wise ones."""
    return all(_harmless(value) for value in model.get_params(deep=False).values())


def _harmless(value: Any) -> bool:
    if not callable(value) or isinstance(value, type) or hasattr(value, "fit"):
        return True
    if type(value).__name__ == "ufunc":
        return True
    module = getattr(value, "__module__", None) or type(value).__module__
    return str(module).startswith("sklearn.")


def own(model: Any) -> str:
    """The class of a model that is no own one of LightGBM or XGBoost, whose rows fall through the trees one by one."""
    return "" if _library(model) in LIBRARIES else _name(model)
