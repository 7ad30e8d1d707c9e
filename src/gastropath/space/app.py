"""The Space's entry point: GastroPath's page with the model beside this file."""

from pathlib import Path

from gastropath.app.page import main

main(str(Path(__file__).with_name("model")))
