"""What answers each question that is more than a view of one Inspection.

A module that answers a question declares it here once; `Executor.answer` looks it up. Like the
executor it runs on the worker's thread alone.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from vgg_viz.images import Photo
from vgg_viz.requests import Request

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

# (executor, request, photos the request names) -> the answer, numpy only
Answering = Callable[["Executor", Any, tuple[Photo, ...]], Any]

ANSWERS: Mapping[type[Request[Any]], Answering] = {}
