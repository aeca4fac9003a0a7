"""All problems of a workspace in one report: files, references, expressions, field names, templates."""

from orchestrator.check.report import CheckReport, check, inspect

__all__ = ["CheckReport", "check", "inspect"]
