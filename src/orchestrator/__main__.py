"""``python -m orchestrator`` is the ``campaigns`` command."""

from orchestrator.cli.main import main

if __name__ == "__main__":
    main()
