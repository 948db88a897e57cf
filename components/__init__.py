"""Component resources of a site: one a file, wired together by `stacks.site`."""
