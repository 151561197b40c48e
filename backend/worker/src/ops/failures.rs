//! Errors of the storage crate in the words of the protocol.

use std::io::ErrorKind;

use nix::errno::Errno;
use orlop_image::layer::ReadError;
use orlop_linux::cgroup::CgroupError;
use orlop_storage::accounts::AccountError;
use orlop_storage::apply::ApplyError;
use orlop_storage::confine::FileError;
use orlop_storage::copy::CopyError;
use orlop_storage::diff::DiffError;
use orlop_storage::files::FilesError;
use orlop_storage::index::IndexError;
use orlop_storage::receive::ReceiveError;
use orlop_storage::volume::VolumeError;
use orlop_wire::reply::{Failure, FailureKind};

fn failure(kind: FailureKind, error: &impl std::error::Error) -> Failure {
    Failure::new(kind, error.to_string())
}

/// What the kernel refuses to set is the asker's mistake; what the host lacks is nobody's.
pub(crate) fn limit_failure(error: CgroupError) -> Failure {
    let kind = match &error {
        CgroupError::Refused(_) | CgroupError::Unsupported(_) => FailureKind::Unsupported,
        CgroupError::Write { .. } | CgroupError::RealTime { .. } => FailureKind::Invalid,
        _ => FailureKind::Internal,
    };
    failure(kind, &error)
}

/// Something on disk that is not there is the asker's mistake; all else is the host's.
pub(crate) fn file_failure(error: &FileError) -> Failure {
    let kind = match error.source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => FailureKind::NotFound,
        Some(Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG) => FailureKind::Invalid,
        _ => FailureKind::Internal,
    };
    failure(kind, error)
}

/// A bad archive is the asker's mistake, save where reading it failed.
fn archive_kind(error: &ReadError) -> FailureKind {
    match error {
        ReadError::Io(error) if error.kind() != ErrorKind::InvalidData => FailureKind::Internal,
        _ => FailureKind::Invalid,
    }
}

pub(crate) fn apply_failure(error: &ApplyError) -> Failure {
    match error {
        ApplyError::Archive(archive) => failure(archive_kind(archive), error),
        ApplyError::File(file) => file_failure(file),
        ApplyError::Path(_) | ApplyError::LinkTarget { .. } => failure(FailureKind::Invalid, error),
        ApplyError::Replace(_) => failure(FailureKind::Conflict, error),
    }
}

pub(crate) fn receive_failure(error: &ReceiveError) -> Failure {
    match error {
        ReceiveError::Apply(apply) => apply_failure(apply),
        ReceiveError::Mismatch(_) => failure(FailureKind::Invalid, error),
        ReceiveError::File(file) => file_failure(file),
    }
}

pub(crate) fn diff_failure(error: &DiffError) -> Failure {
    failure(FailureKind::Internal, error)
}

pub(crate) fn index_failure(error: &IndexError) -> Failure {
    match error {
        IndexError::File(file) => file_failure(file),
        IndexError::Path(_) => failure(FailureKind::Invalid, error),
        IndexError::Tree(_) | IndexError::Taker(_) => failure(FailureKind::Internal, error),
    }
}

pub(crate) fn copy_failure(error: &CopyError) -> Failure {
    match error {
        CopyError::File(file) => file_failure(file),
        CopyError::Path(_) => failure(FailureKind::Invalid, error),
        CopyError::Apply(apply) => apply_failure(apply),
        CopyError::Source(source) => failure(archive_kind(source), error),
    }
}

pub(crate) fn account_failure(error: &AccountError) -> Failure {
    match error {
        AccountError::File(file) => file_failure(file),
        AccountError::User(_) | AccountError::Group(_) => failure(FailureKind::Invalid, error),
    }
}

pub(crate) fn files_failure(error: &FilesError) -> Failure {
    match error {
        FilesError::File(file) => file_failure(file),
        FilesError::Path(_) | FilesError::NotDirectory(_) => failure(FailureKind::Invalid, error),
        FilesError::Read(diff) => diff_failure(diff),
        FilesError::Write(apply) => apply_failure(apply),
    }
}

pub(crate) fn volume_failure(error: &VolumeError) -> Failure {
    match error {
        VolumeError::File(file) => file_failure(file),
        VolumeError::Tree(_) => failure(FailureKind::Internal, error),
        VolumeError::Apply(apply) => apply_failure(apply),
    }
}
