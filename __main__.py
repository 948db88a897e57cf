"""The Pulumi program: one run builds one site, named by its stack."""

from stacks import config, site

site.build(config.load())
