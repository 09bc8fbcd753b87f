"""`python -m perform` is `perform`."""

from perform.cli import main

if __name__ == "__main__":
    main()
