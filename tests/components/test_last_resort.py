"""The page that people get when no site answers."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from components.last_resort import CODE_BYTES, PAGE, LastResort, LastResortArgs, code
from components.ownership import Ownership
from engine.computed import computed_id, computed_outputs
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

DOMAIN = "mentalhealthplatform.com"


def registered(ownership: Ownership = Ownership.OWN) -> dict[str, Registration]:
    args = LastResortArgs(
        domain=DOMAIN,
        zone_id="Z0123456789",
        proof=f"_proof.{DOMAIN}",
        site=site("secondary"),
        ownership=ownership,
        known_zone_id="Z0123456789",
        distribution_id="E1PA6EF0RAWARE",
    )
    entries = record(lambda: LastResort("page", args), stack="secondary")
    return {entry.name.removeprefix("page-"): entry for entry in entries}


def id_of(resource: Registration) -> str:
    return computed_id(resource.type, resource.urn, resource.inputs)


class Texts(HTMLParser):
    """The visible text and the links of a page, by the language that the element or one around it has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.languages: list[str] = []
        self.text: dict[str, str] = {}
        self.links: dict[str, set[str]] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        language = given.get("lang") or (self._open[-1][1] if self._open else "")
        if tag not in ("meta", "link", "br"):
            self._open.append((tag, language))
        if href := given.get("href"):
            self.links.setdefault(language, set()).add(href)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tag, language = self._open[-1] if self._open else ("", "")
        if tag != "style":
            self.text[language] = self.text.get(language, "") + data


@pytest.mark.parametrize(
    ("name", "host", "first", "otherwise"),
    [
        ("apex", DOMAIN, f"web.{DOMAIN}", f"fallback.{DOMAIN}"),
        ("www", f"www.{DOMAIN}", f"web.{DOMAIN}", f"fallback.{DOMAIN}"),
        ("fallback", f"fallback.{DOMAIN}", f"alive.{DOMAIN}", None),
    ],
)
def test_each_public_name_leads_to_the_sites_and_otherwise_to_the_page(
    name: str, host: str, first: str, otherwise: str | None
) -> None:
    resources = registered()
    ends = [resources[f"{name}-{end}"].inputs for end in ("first", "otherwise")]
    assert [inputs["failoverRoutingPolicies"][0]["type"] for inputs in ends] == ["PRIMARY", "SECONDARY"]
    assert {inputs["name"] for inputs in ends} == {host}
    aliases = [inputs["aliases"][0] for inputs in ends]
    page = resources["distribution"]
    expected = otherwise or computed_outputs(page.type, page.urn, id_of(page), page.inputs, "", "")["domainName"]
    assert [alias["name"] for alias in aliases] == [first, expected]
    assert [alias["zoneId"] for alias in aliases] == ["Z0123456789", "Z0123456789" if otherwise else "Z2FDTNDATAQYW2"]
    assert [alias["evaluateTargetHealth"] for alias in aliases] == [True, bool(otherwise)]


def test_the_distribution_has_the_names_that_people_and_the_record_use() -> None:
    assert registered()["distribution"].inputs["aliases"] == [DOMAIN, f"www.{DOMAIN}", f"fallback.{DOMAIN}"]


def test_the_certificate_is_where_cloudfront_looks_for_it() -> None:
    resources = registered()
    assert {resources[name].inputs["region"] for name in ("certificate", "validation")} == {"us-east-1"}
    assert resources["validation"].inputs["validationRecordFqdns"] == [f"_proof.{DOMAIN}"]


def test_no_origin_is_asked_and_no_method_refused() -> None:
    behavior = registered()["distribution"].inputs["defaultCacheBehavior"]
    assert [entry["eventType"] for entry in behavior["functionAssociations"]] == ["viewer-request"]
    assert {"GET", "HEAD", "POST"} <= {*behavior["allowedMethods"]}


def test_the_function_answers_with_the_page_and_no_error_is_cached() -> None:
    said = re.fullmatch(r"function handler\(event\) \{\n  return (.*);\n\}\n", code(PAGE))
    assert said is not None
    answer = json.loads(said[1])
    assert (answer["statusCode"], answer["body"]) == (503, PAGE)
    assert answer["headers"]["cache-control"]["value"] == "no-store"
    assert answer["headers"]["content-type"]["value"] == "text/html; charset=utf-8"


def test_a_page_that_is_too_long_for_a_function_is_refused() -> None:
    with pytest.raises(ValueError, match=f"CloudFront takes {CODE_BYTES}"):
        code("x" * CODE_BYTES)


def test_the_page_loads_nothing_from_elsewhere() -> None:
    assert "<script" not in PAGE
    assert re.findall(r"\b(?:src|srcset|poster|action)=|url\(|@import|<link", PAGE) == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_both_languages_name_every_way_to_help(language: str) -> None:
    texts = Texts(PAGE)
    assert {"tel:911", "tel:988", "sms:988", "sms:741741", "sms:838255"} <= texts.links[language]
    assert any("988lifeline.org" in link for link in texts.links[language])
    for number in ("911", "988", "711", "741741", "838255"):
        assert number in texts.text[language]


def test_every_dialled_number_is_one_that_is_shown() -> None:
    texts = Texts(PAGE)
    dialled = {
        link.partition(":")[2] for links in texts.links.values() for link in links if link[:4] in ("tel:", "sms:")
    }
    shown = re.sub(r"\D", "", " ".join(texts.text.values()))
    assert all(re.sub(r"\D", "", number).removeprefix("1") in shown for number in dialled)


def test_another_stack_adopts_the_page_and_makes_its_own_certificate() -> None:
    resources = registered(Ownership.ADOPT)
    assert {name: entry.import_id for name, entry in resources.items() if entry.import_id} == {
        "function": "lifeline-last-resort",
        "distribution": "E1PA6EF0RAWARE",
        **{
            f"{name}-{end}": f"Z0123456789_{host}_A_{end}"
            for name, host in (("apex", DOMAIN), ("www", f"www.{DOMAIN}"), ("fallback", f"fallback.{DOMAIN}"))
            for end in ("first", "otherwise")
        },
    }
    assert "viewerCertificate" in resources["distribution"].ignore_changes


def test_a_released_page_is_forgotten_and_not_deleted() -> None:
    resources = [entry for entry in registered(Ownership.RELEASE).values() if entry.type.startswith("aws:")]
    assert all(entry.retain_on_delete and not entry.protect for entry in resources)
