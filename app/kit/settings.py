"""One frozen class of settings, read once by ``main`` or the command line and passed down."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings from environment variables with the prefix ``SOUNDINGS_`` and from a ``.env`` file.

    Every field has a line in the README's table; a test fails where one is missing.
    """

    model_config = SettingsConfigDict(env_prefix="SOUNDINGS_", env_file=".env", frozen=True, extra="ignore")

    data_dir: Path = Field(
        Path("data"), description="Folder for the SQLite file, exports and the secret key."
    )
    database_url: str = Field(
        "", description="postgresql+psycopg://… or sqlite:///…; empty means a SQLite file in the data folder."
    )
    secret_key: str = Field(
        "",
        description="Signs nothing stored; salts rate limits and form tokens. Empty: made once and kept in the data folder.",
    )
    public_url: str = Field(
        "",
        description="The address people open, such as https://study.example.org; used in links and for cookies.",
    )
    trusted_hosts: str = Field(
        "",
        description="Comma-separated host names that may be asked for; empty allows any when no PUBLIC_URL is set.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1", description="Comma-separated addresses of proxies whose X-Forwarded-* headers count."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe event that is logged."
    )
    embedded_worker: bool = Field(True, description="Whether serve runs background jobs itself.")
    max_body_mb: int = Field(4, ge=1, le=1024, description="Largest ordinary request body, in MB.")
    max_upload_mb: int = Field(256, ge=1, le=4096, description="Largest file of items or judgments, in MB.")
    sign_in_per_minute: int = Field(
        10, ge=1, description="Tries to sign in or to use a resume code, per address and minute."
    )
    join_per_minute: int = Field(
        60, ge=1, description="New people per address and minute (a classroom shares one address)."
    )
    session_days: int = Field(30, ge=1, le=365, description="How long a browser stays signed in.")
    sentence_model: str = Field(
        "",
        description="Folder or name of an installed sentence-transformers model; used for the features `auto` where it is there.",
    )
    pool_size: int = Field(10, ge=1, le=200, description="Database connections per process on PostgreSQL.")

    def resolved_database_url(self) -> str:
        """The database's address, with the default SQLite file where none is set."""
        if self.database_url:
            return self.database_url
        return f"sqlite:///{(self.data_dir / 'soundings.sqlite3').resolve()}"

    def exports_dir(self) -> Path:
        """Where finished exports lie."""
        return self.data_dir / "exports"

    def uploads_dir(self) -> Path:
        """Where files of items lie between being looked at and being loaded."""
        return self.data_dir / "uploads"

    def host_list(self) -> list[str]:
        """Host names that may be asked for; an empty list allows any."""
        return [h.strip() for h in self.trusted_hosts.split(",") if h.strip()]
