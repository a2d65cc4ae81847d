"""The fake service with every network of the registry: those without weights at random."""

from fake_models import fake_model
from fake_service import FakeService
from vgg_viz.models.configs import NETWORKS


def make_service() -> FakeService:
    """What VGG_VIZ_SERVICE names."""
    service = FakeService()
    for name in NETWORKS:
        model = fake_model(name, "random")
        service.models.setdefault(model.name, model)
    return service
