//! Memory and tables: counted over all of a component, refused beyond the limit, the peak remembered.

use wasmtime::ResourceLimiter;

use crate::limits::Limits;

pub(crate) struct Limiter {
    memory_limit: u64,
    memory: u64,
    pub(crate) peak_memory: u64,
    pub(crate) memory_refused: bool,
    table_limit: u64,
    table: u64,
    pub(crate) table_refused: bool,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_limit: limits.memory,
            memory: 0,
            peak_memory: 0,
            memory_refused: false,
            table_limit: limits.table_elements,
            table: 0,
            table_refused: false,
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let memory = self.memory + (desired - current) as u64;
        if memory > self.memory_limit {
            self.memory_refused = true;
            return Ok(false);
        }
        self.memory = memory;
        self.peak_memory = self.peak_memory.max(memory);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_refused = true;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let table = self.table + (desired - current) as u64;
        if table > self.table_limit {
            self.table_refused = true;
            return Ok(false);
        }
        self.table = table;
        Ok(true)
    }

    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        16
    }
}
