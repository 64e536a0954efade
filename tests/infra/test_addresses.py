"""What `make deploy` says at the end."""

from infra.deploy import addresses

OUTPUTS = {"PortalTarget": "d1234.cloudfront.net", "UserPool": "eu-central-1_Abc"}


def test_whoever_deployed_reads_where_portal_api_and_people_are() -> None:
    assert addresses({**OUTPUTS, "PortalAddress": "https://d1234.cloudfront.net"}, sent=3) == [
        "Portal    https://d1234.cloudfront.net  (3 files sent)",
        "API       https://d1234.cloudfront.net/api",
        "User pool eu-central-1_Abc",
    ]


def test_an_own_domain_is_said_where_to_point() -> None:
    found = addresses({**OUTPUTS, "PortalAddress": "https://sync.example.org"}, sent=0)

    assert found[1] == "Domain    sync.example.org has to point to d1234.cloudfront.net"
