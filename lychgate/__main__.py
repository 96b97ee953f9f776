"""`python -m lychgate` is `lychgate`."""

from lychgate.cli.entry import main

if __name__ == "__main__":
    main()
