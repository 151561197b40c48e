//! The Dockerfile language: text to typed instructions with their places in the text.

pub mod diagnostic;
pub mod expand;
pub mod heredoc;
pub mod instruction;
pub mod lexer;
pub mod lint;
pub mod name;
pub mod parser;
pub mod words;

pub use diagnostic::{Diagnostic, Refusal, Span};
pub use instruction::{Dockerfile, Instruction, Statement, parse};
