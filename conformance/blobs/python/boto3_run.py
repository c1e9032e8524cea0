"""boto3 with its default settings. Names of families as arguments run only those."""

import sys

import boto3_access
import boto3_lists
import boto3_multipart
import boto3_objects
import boto3_sessions
import boto3_settings
import boto3_sites
import boto3_versions
from checks import Checks

MODULES = [boto3_objects, boto3_lists, boto3_multipart, boto3_versions, boto3_settings, boto3_access, boto3_sessions, boto3_sites]


def main():
    families = [family for module in MODULES for family in module.FAMILIES]
    chosen = [family for family in families if len(sys.argv) < 2 or family.__name__ in sys.argv[1:]]
    checks = Checks(boto3_objects.KNOWN if boto3_objects.ranges in chosen else ())
    for family in chosen:
        checks.family(family)
    checks.finish()


main()
