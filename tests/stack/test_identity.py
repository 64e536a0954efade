"""A district's own identity provider behind the user pool, as docs/operate/identity-provider.md sets it up."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from local.stack import REGION, Stack
from tests.identity.conftest import running

pytestmark = pytest.mark.xdist_group("stack")


def test_a_person_of_the_district_s_provider_is_somebody_once_an_admin_has_given_a_role(stack: Stack) -> None:
    cognito, pool, client_id = stack.client("cognito-idp"), stack.outputs["UserPool"], stack.outputs["PortalClient"]
    back_to_pool = f"https://{stack.outputs['UserPoolDomain']}.auth.{REGION}.amazoncognito.com/oauth2/idpresponse"
    back_to_portal = f"{stack.portal_origin}/signed-in"

    with running(back_to_pool) as district, httpx.Client(base_url=stack.endpoint) as browser:
        cognito.create_identity_provider(
            UserPoolId=pool,
            ProviderName="Lakeside",
            ProviderType="OIDC",
            AttributeMapping={"email": "email", "name": "name", "username": "sub"},
            ProviderDetails={
                "client_id": "user-pool",
                "client_secret": "between-them",
                "authorize_scopes": "openid email profile",
                "attributes_request_method": "GET",
                "oidc_issuer": district.issuer,
            },
        )

        def id_token() -> str:
            asked = {
                "response_type": "code",
                "client_id": client_id,
                "redirect_uri": back_to_portal,
                "scope": "openid email profile",
            }
            to_provider = browser.get("/oauth2/authorize", params={**asked, "identity_provider": "Lakeside"}).headers["location"]
            to_pool = district.signed_in(to_provider, "ada", until=back_to_pool)
            to_portal = browser.get("/oauth2/idpresponse", params=parse_qs(urlsplit(to_pool).query)).headers["location"]
            assert to_portal.startswith(back_to_portal)
            code = parse_qs(urlsplit(to_portal).query)["code"][0]
            form = {"grant_type": "authorization_code", "code": code, "client_id": client_id, "redirect_uri": back_to_portal}
            return str(browser.post("/oauth2/token", data=form).raise_for_status().json()["id_token"])

        def me() -> httpx.Response:
            return httpx.get(f"{stack.api_url}/me", headers={"Authorization": f"Bearer {id_token()}"}, timeout=30)

        assert me().status_code == 401  # signed in, but nobody

        found = cognito.list_users(UserPoolId=pool, Filter='email = "ada@lakeside.example"')["Users"]
        assert [user["UserStatus"] for user in found] == ["EXTERNAL_PROVIDER"]
        username = found[0]["Username"]
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=username, GroupName="operator")
        groups = {"Name": "custom:rosterGroups", "Value": "*"}
        cognito.admin_update_user_attributes(UserPoolId=pool, Username=username, UserAttributes=[groups])

        answer = me()
        assert answer.status_code == 200, answer.text
        assert (answer.json()["name"], answer.json()["role"], answer.json()["groups"]) == ("Ada of Lakeside", "operator", None)
        cognito.delete_identity_provider(UserPoolId=pool, ProviderName="Lakeside")  # the other tests share the pool
