"""`python -m lychgate` is `lychgate`."""

from lychgate.cli.main import main

if __name__ == "__main__":
    main()
