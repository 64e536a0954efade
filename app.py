"""The whole wiring on one page: the Chalice app and the blueprints it registers."""

from chalice.app import Chalice

from chalicelib.api.arrivals import arrivals
from chalicelib.api.authorizer import auth
from chalicelib.api.choices import choices
from chalicelib.api.clients import clients
from chalicelib.api.compare import compare
from chalicelib.api.connection import connection
from chalicelib.api.decisions import decisions
from chalicelib.api.events import events
from chalicelib.api.explain import explanations
from chalicelib.api.export_import import export_import
from chalicelib.api.groups import groups
from chalicelib.api.members import members
from chalicelib.api.overview import overview
from chalicelib.api.roster import roster
from chalicelib.api.rostering import rostering
from chalicelib.api.routing import problems
from chalicelib.api.selections import selections
from chalicelib.api.service import service
from chalicelib.api.syncs import syncs
from chalicelib.api.trails import trails
from chalicelib.api.webhooks import webhooks
from chalicelib.steps import steps
from chalicelib.store.memory import limit_engine
from chalicelib.triggers import triggers

limit_engine()

app = Chalice(app_name="oneroster")
app.register_middleware(problems, "http")

BLUEPRINTS = (
    auth,
    service,
    groups,
    connection,
    syncs,
    trails,
    choices,
    selections,
    decisions,
    compare,
    export_import,
    overview,
    roster,
    members,
    clients,
    webhooks,
    rostering,
    events,
    arrivals,
    explanations,
    steps,
    triggers,
)

for blueprint in BLUEPRINTS:
    app.register_blueprint(blueprint)
